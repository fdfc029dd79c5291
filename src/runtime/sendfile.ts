import {
  type EventLoop,
  type FileRange,
  type FileSending,
  NotSupportedError,
  type SendableFile,
  type SendfileOptions,
  type Socket,
  type SocketOperations,
  StateError,
  type Suspension,
  type Transport,
} from '../interface/index.ts';
import { isRegularFile, readFileAt, seekTo } from '../syscalls/index.ts';
import { StreamTransport } from '../transports/index.ts';
import { OperationFuture } from './operation-future.ts';

/** Bytes that are read at once for a socket, where the kernel does not send the file by itself. */
const blockBytes = 256 * 1024;

/** @throws {TypeError | RangeError} no file, or no bytes of one; {SystemError} EBADF */
export function fileRange(file: SendableFile, options: SendfileOptions = {}): FileRange {
  const { offset = 0, count = null } = options;
  if (typeof file !== 'object' || file === null || typeof file.fd !== 'number')
    throw new TypeError('Cannot send the file: it is no object with a descriptor as its fd');
  for (const [what, value] of Object.entries({ offset, count: count ?? 1 })) {
    if (typeof value !== 'number') throw new TypeError(`Cannot send the file: the ${what} is not a number`);
    if (!Number.isSafeInteger(value)) throw new RangeError(`Cannot send the file: the ${what} is ${value}`);
  }
  if (offset < 0) throw new RangeError(`Cannot send the file from ${offset}: the offset is negative`);
  if (count !== null && count <= 0)
    throw new RangeError(`Cannot send ${count} bytes of the file: not 1 or more`);
  // A pipe or a terminal could only be read by waiting for it.
  if (!isRegularFile(file.fd)) throw new RangeError('Cannot send the file: it is no regular file');
  return { fd: file.fd, offset, count };
}

/** The file's position is behind what was sent, whatever the end. */
export function* sockSendfile(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  range: FileRange,
  fallback: boolean,
): Generator<Suspension, number, unknown> {
  const { future, sending } = start(loop, (completion) => sockets.sendFile(socket, range, completion));
  let readBytes = 0;
  try {
    try {
      return yield* future;
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error;
      if (!fallback) throw notSupported(loop, error);
    }
    for (;;) {
      const wanted = Math.min(blockBytes, (range.count ?? Infinity) - readBytes);
      if (wanted === 0) return readBytes;
      const block = readFileAt(range.fd, range.offset + readBytes, wanted);
      if (block.length === 0) return readBytes;
      yield* new OperationFuture<void>(loop, (completion) => sockets.sendAll(socket, block, completion));
      readBytes += block.length;
      // Others get their turn.
      yield;
    }
  } finally {
    seekTo(range.fd, range.offset + sending.sentBytes + readBytes);
  }
}

/** As `sockSendfile`, behind what was written to a transport. */
export function* sendfile(
  loop: EventLoop,
  transport: Transport,
  range: FileRange,
  fallback: boolean,
): Generator<Suspension, number, unknown> {
  if (!(transport instanceof StreamTransport)) {
    throw new StateError(
      'ERR_UNSUPPORTED_TRANSPORT',
      'Cannot send the file: only transports of stream connections of this loop do that',
    );
  }
  const read = (position: number, byteCount: number) => readFileAt(range.fd, position, byteCount);
  const { future, sending } = start(loop, (completion) =>
    transport.sendFile(range, fallback ? read : null, completion),
  );
  try {
    return yield* future;
  } catch (error) {
    throw error instanceof NotSupportedError ? notSupported(loop, error) : error;
  } finally {
    seekTo(range.fd, range.offset + sending.sentBytes);
  }
}

type Starter = ConstructorParameters<typeof OperationFuture<number>>[1];

function start(
  loop: EventLoop,
  begin: (...args: Parameters<Starter>) => FileSending,
): { future: OperationFuture<number>; sending: FileSending } {
  let sending: FileSending | null = null;
  const future = new OperationFuture<number>(loop, (completion) => {
    sending = begin(completion);
    return sending;
  });
  return { future, sending: sending as unknown as FileSending };
}

function notSupported(loop: EventLoop, cause: Error): NotSupportedError {
  return new NotSupportedError(
    'sendfile',
    loop.driverName,
    'Cannot send the file: the kernel does not send it by itself, and reading it was not allowed (fallback)',
    { cause },
  );
}

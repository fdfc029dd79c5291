import type {
  BaseProtocol,
  Descriptor,
  EventLoop,
  PipeOperations,
  ReadTransport,
  StreamProtocol,
  Suspension,
  WriteTransport,
} from '../interface/index.ts';
import { NativeSocket } from '../syscalls/index.ts';
import {
  ReadPipeTransport,
  type TransportKeeper,
  type TransportLoop,
  WritePipeTransport,
} from '../transports/index.ts';
import { beginTransport } from './begin-transport.ts';

/** @throws {TypeError | RangeError} no descriptor */
export function checkPipe(pipe: unknown): void {
  const fd = typeof pipe === 'object' && pipe !== null && 'fd' in pipe ? pipe.fd : pipe;
  if (typeof fd !== 'number')
    throw new TypeError('Cannot use the pipe: it is neither a descriptor nor has one');
  if (!Number.isInteger(fd) || fd < 0) {
    throw new RangeError(`Cannot use descriptor ${fd} as a pipe: not an integer from 0 on`);
  }
}

/** The protocol is made first: if that fails, the pipe is still the caller's. */
export function* connectReadPipe<P extends StreamProtocol>(
  loop: EventLoop & TransportLoop,
  pipes: PipeOperations,
  factory: () => P,
  pipe: Descriptor,
  keeper: TransportKeeper,
): Generator<Suspension, [transport: ReadTransport, protocol: P], unknown> {
  const protocol = factory();
  const channel = pipes.openReader(...taken(loop, pipe));
  const transport = new ReadPipeTransport(loop, channel, protocol, pipe, [keeper]);
  yield* beginTransport(loop, transport);
  return [transport, protocol];
}

export function* connectWritePipe<P extends BaseProtocol>(
  loop: EventLoop & TransportLoop,
  pipes: PipeOperations,
  factory: () => P,
  pipe: Descriptor,
  keeper: TransportKeeper,
): Generator<Suspension, [transport: WriteTransport, protocol: P], unknown> {
  const protocol = factory();
  const channel = pipes.openWriter(...taken(loop, pipe));
  const transport = new WritePipeTransport(loop, channel, protocol, pipe, [keeper]);
  yield* beginTransport(loop, transport);
  return [transport, protocol];
}

/**
 * The descriptor, and how it is given back: by what has a `close` of its own, which would otherwise close a stranger's
 * later; null: by closing it.
 */
function taken(loop: EventLoop, pipe: Descriptor): [fd: number, close: (() => void) | null] {
  if (typeof pipe === 'number') return [pipe, null];
  if (pipe instanceof NativeSocket) return [pipe.detach(), null];
  const { fd } = pipe;
  if (!('close' in pipe) || typeof pipe.close !== 'function') return [fd, null];
  const owner = pipe as { close(): unknown };
  const failed = (exception: unknown) =>
    loop.callExceptionHandler({ message: 'Cannot close the pipe', exception });
  return [
    fd,
    () => {
      try {
        Promise.resolve(owner.close()).catch(failed);
      } catch (exception) {
        failed(exception);
      }
    },
  ];
}

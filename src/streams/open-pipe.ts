import { coroutine } from '../coroutines/index.ts';
import {
  type BaseProtocol,
  type Coroutine,
  type Descriptor,
  type EventLoop,
  SystemError,
  type WriteTransport,
} from '../interface/index.ts';
import { getRunningLoop } from '../loop/index.ts';
import { cancellationPoint } from './cancellation-point.ts';
import { FlowControl } from './flow-control.ts';
import type { StreamLimit } from './open-connection.ts';
import { StreamReaderProtocol } from './stream-protocol.ts';
import { checkLimit, StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';

/**
 * A reader of a pipe's reading end: of a pipe, FIFO, socket, terminal or other character device. It is the reader's from
 * then on; closing the reader closes it.
 *
 * @throws {RangeError} no such thing; the limit is not a positive number
 * @throws {SystemError} EBADF
 * @throws {NotSupportedError} the driver under the loop has no pipes
 */
export function openReadPipe(pipe: Descriptor, options: StreamLimit = {}): Coroutine<StreamReader> {
  return readPipe(pipe, checkLimit(options.limit));
}

/**
 * A writer to a pipe's writing end, otherwise as {@link openReadPipe}. Closing it, or `end`, is what the reader sees as
 * the end. When the reader goes away, the next wait throws a SystemError `EPIPE`.
 */
export function openWritePipe(pipe: Descriptor): Coroutine<StreamWriter<WriteTransport>> {
  return writePipe(pipe);
}

/**
 * A reader of the program's standard input, whatever that is: a terminal, a pipe, a file. It is another descriptor than 0,
 * which stays open and as it is; but what it has read nobody else finds there.
 *
 * A regular file is read piece by piece, and a slow disk holds up the loop for so long.
 *
 * @throws as {@link openReadPipe}
 */
export function openStdin(options: StreamLimit = {}): Coroutine<StreamReader> {
  return readPipe(0, checkLimit(options.limit));
}

/**
 * A writer to the program's standard output. Close it when you are done: what is buffered when the run ends is dropped
 * otherwise. Descriptor 1 stays open all the same, so that whoever reads sees the end when the program does.
 */
export function openStdout(): Coroutine<StreamWriter<WriteTransport>> {
  return writePipe(1);
}

/** A writer to the program's standard error; otherwise as {@link openStdout}. */
export function openStderr(): Coroutine<StreamWriter<WriteTransport>> {
  return writePipe(2);
}

const readPipe = coroutine(function* openReadPipe(pipe: Descriptor, limit: number) {
  const loop = getRunningLoop();
  const made = new StreamReaderProtocol(new StreamReader({ limit, loop }), { loop });
  try {
    yield* loop.connectReadPipe(() => made, pipe);
    yield* cancellationPoint();
    return made.reader;
  } catch (error) {
    // Cancelled when the pipe was connected and only we did not know yet: nobody else could close it.
    made.transport?.close();
    throw error;
  }
});

const writePipe = coroutine(function* openWritePipe(pipe: Descriptor) {
  const loop = getRunningLoop();
  const made = new PipeWriterProtocol(loop);
  try {
    const [transport] = yield* loop.connectWritePipe(() => made, pipe);
    yield* cancellationPoint();
    return new StreamWriter<WriteTransport>(transport, made.flow, { loop });
  } catch (error) {
    made.transport?.abort();
    throw error;
  }
});

class PipeWriterProtocol implements BaseProtocol<WriteTransport> {
  readonly flow: FlowControl;
  transport: WriteTransport | null = null;

  constructor(loop: EventLoop) {
    this.flow = new FlowControl(loop, { writeError });
  }

  connectionMade(transport: WriteTransport): void {
    this.transport = transport;
  }

  pauseWriting(): void {
    this.flow.pause();
  }

  resumeWriting(): void {
    this.flow.resume();
  }

  connectionLost(error: Error | null): void {
    this.flow.lose(error);
  }
}

function writeError(cause: Error | null): Error {
  return new SystemError(
    `Cannot write: the pipe is closed${cause === null ? '' : `: ${cause.message}`}`,
    { code: 'EPIPE', syscall: 'write' },
    cause === null ? undefined : { cause },
  );
}

import type { EventLoop, StreamChannel, StreamSink } from '../interface/index.ts';
import { takeSnapshot } from './snapshot.ts';
import { whyRunning } from './why-running.ts';

// The protocol: the client sends one line, a request as JSON; the server answers by one line and ends the connection.
//
//   {"ask":"tasks","tasksMax":10000}   ->   {"ok":true,"answer":{"pid":4711,"thread":0,…}}
//   {"ask":"tea"}                      ->   {"ok":false,"error":"Cannot answer \"tea\": …"}

/** Characters of a request; who sends more is not one of ours. */
const requestLengthMax = 4096;
/** Tasks in an answer, unless more are asked for: a snapshot stops the loop for as long as it takes. */
const tasksMaxDefault = 10_000;

/** What a process can be asked. */
export interface DebugRequest {
  readonly ask: 'tasks' | 'why';
  readonly tasksMax?: number;
  /** whether to find out where generators stand, which stops a process for some 50 ms at the first time; true unless given */
  readonly places?: boolean;
}

export type DebugAnswer =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly error: string };

/** Somebody who asks: one request, one answer. It keeps nothing alive. */
export class DebugConnection implements StreamSink {
  readonly #channel: StreamChannel;
  readonly #loop: EventLoop;
  readonly #onClosed: (connection: DebugConnection) => void;
  readonly #decoder = new TextDecoder();
  #received = '';
  #answered = false;
  #ended = false;
  #told = false;

  constructor(channel: StreamChannel, loop: EventLoop, onClosed: (connection: DebugConnection) => void) {
    this.#channel = channel;
    this.#loop = loop;
    this.#onClosed = onClosed;
    channel.unref();
    channel.start(this);
    channel.startReading();
  }

  close(): void {
    this.#channel.abort();
  }

  room(): null {
    return null;
  }

  filled(): void {
    // It has no room to fill.
  }

  data(chunk: Uint8Array): void {
    // Read to the end all the same: what is closed with something unread looks broken to the other side.
    if (this.#answered) return;
    this.#received += this.#decoder.decode(chunk, { stream: true });
    const end = this.#received.indexOf('\n');
    if (end === -1 && this.#received.length <= requestLengthMax) return;
    this.#answered = true;
    const line = `${JSON.stringify(answer(this.#received.slice(0, end), this.#loop))}\n`;
    this.#received = '';
    this.writeProgress(this.#channel.write([new TextEncoder().encode(line)]));
  }

  end(): void {
    this.#ended = true;
    if (this.#told || !this.#answered) this.close();
  }

  failed(): void {
    // Whoever asks will notice.
    this.close();
  }

  writeProgress(pending: number): void {
    if (pending === 0) this.#channel.shutdown();
  }

  shutdownDone(): void {
    this.#told = true;
    if (this.#ended) this.close();
  }

  closed(): void {
    this.#onClosed(this);
  }
}

function answer(line: string, loop: EventLoop): DebugAnswer {
  try {
    const request = JSON.parse(line) as Partial<DebugRequest> | null;
    switch (request?.ask) {
      case 'tasks': {
        const { tasksMax = tasksMaxDefault, places = true } = request;
        return {
          ok: true,
          answer: takeSnapshot(loop, { tasksMax: Number(tasksMax), places: places === true }),
        };
      }
      case 'why':
        return { ok: true, answer: whyRunning(loop) };
      default:
        return {
          ok: false,
          error: `Cannot answer ${JSON.stringify(request?.ask)}: this version knows "tasks" and "why"`,
        };
    }
  } catch (error) {
    return { ok: false, error: `Cannot answer: ${error instanceof Error ? error.message : String(error)}` };
  }
}

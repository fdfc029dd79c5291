import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openConnection, type Stream } from '../../src/streams/index.ts';
import type { Command, Reading } from '../support/programs/raw-peers.ts';
import { programCommand } from '../support/run-program.ts';
import { type Steps, text } from './endpoints.ts';

const local = '127.0.0.1';

/**
 * Peers that are not ours, for what ours would not do. They live in another thread, because the loop that is tested may
 * own this one, and are told what to do by a connection of that loop.
 */
export class RawPeers {
  readonly #worker: Worker;
  readonly #port: number;

  static async start(): Promise<RawPeers> {
    const { args } = programCommand('test/support/programs/raw-peers.ts');
    const worker = new Worker(args.at(-1) as string, { execArgv: args.slice(0, -1) });
    const [port] = await once(worker, 'message');
    return new RawPeers(worker, port);
  }

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.#port = port;
  }

  /** A server; it is gone at the end of the run at the latest. */
  *open(): Steps<RawServer> {
    const control = yield* openConnection({ host: local, port: this.#port });
    const { port } = yield* replyFrom<{ port: number }>(control);
    return new RawServer(control, { host: local, port });
  }

  /** What a peer that was to report has read. The host's loop must turn for it. */
  async reported(): Promise<Reading> {
    const [reading] = await once(this.#worker, 'message');
    return reading;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

export class RawServer {
  readonly address: { host: string; port: number };
  readonly #control: Stream;

  constructor(control: Stream, address: { host: string; port: number }) {
    this.#control = control;
    this.address = address;
  }

  /** The next client that comes; nothing of it is read before that is asked for. */
  *accept(): Steps<RawPeer> {
    const { peer } = yield* this.ask<{ peer: number }>({ do: 'accept' });
    return new RawPeer(this, peer);
  }

  /** Connects to that port of this machine, and resets the connection at once. */
  *connectAndReset(port: number): Steps {
    yield* this.ask({ do: 'connectAndReset', port });
  }

  /** Takes no more clients. */
  *stop(): Steps {
    yield* this.ask({ do: 'stop' });
  }

  *close(): Steps {
    yield* this.ask({ do: 'close' });
    this.#control.writer.close();
    yield* this.#control.writer.waitClosed();
  }

  tell(command: Command): void {
    this.#control.writer.writeNow(`${JSON.stringify(command)}\n`);
  }

  /** Waits until all that was told is done, too. */
  *ask<Answer = unknown>(command: Command): Steps<Answer> {
    this.tell(command);
    return yield* this.reply<Answer>();
  }

  *reply<Answer = unknown>(): Steps<Answer> {
    return yield* replyFrom<Answer>(this.#control);
  }
}

export class RawPeer {
  readonly server: RawServer;
  readonly id: number;

  constructor(server: RawServer, id: number) {
    this.server = server;
    this.id = id;
  }

  *reset(): Steps {
    yield* this.server.ask({ do: 'reset', peer: this.id });
  }

  *destroy(): Steps {
    yield* this.server.ask({ do: 'destroy', peer: this.id });
  }

  /** Ends its direction after this text. */
  *end(text: string): Steps {
    yield* this.server.ask({ do: 'end', peer: this.id, text });
  }

  /** Sends so many bytes, all 7. */
  *write(byteCount: number): Steps {
    yield* this.server.ask({ do: 'write', peer: this.id, byteCount });
  }

  /** Sends without end. */
  *flood(): Steps {
    yield* this.server.ask({ do: 'flood', peer: this.id });
  }

  *readToEnd(): Steps<Reading> {
    return yield* this.server.ask<Reading>({ do: 'readToEnd', peer: this.id });
  }

  /** Reads to the end, whatever becomes of the run, and reports it. */
  *report(): Steps {
    yield* this.server.ask({ do: 'report', peer: this.id });
  }
}

function* replyFrom<Answer>({ reader }: Stream): Steps<Answer> {
  return JSON.parse(text(yield* reader.readLine()));
}

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openConnection, type Stream } from '../../src/streams/index.ts';
import type { Command, Reading } from '../support/programs/raw-peers.ts';
import { programCommand } from '../support/run-program.ts';
import { type Steps, text } from './endpoints.ts';
import type { RawPeer, RawPeers, RawServer } from './outside.ts';

const local = '127.0.0.1';

/**
 * Peers by node:net. They live in another thread, because the loop that is tested may own this one, and are told what to
 * do by a connection of that loop.
 */
export class RealPeers implements RawPeers {
  readonly #worker: Worker;
  readonly #port: number;

  static async start(): Promise<RealPeers> {
    const { args } = programCommand('test/support/programs/raw-peers.ts');
    const worker = new Worker(args.at(-1) as string, { execArgv: args.slice(0, -1) });
    const [port] = await once(worker, 'message');
    return new RealPeers(worker, port);
  }

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.#port = port;
  }

  *open(): Steps<RealServer> {
    const control = yield* openConnection({ host: local, port: this.#port });
    const { port } = yield* replyFrom<{ port: number }>(control);
    return new RealServer(control, { host: local, port });
  }

  async reported(): Promise<Reading> {
    const [reading] = await once(this.#worker, 'message');
    return reading;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

class RealServer implements RawServer {
  readonly address: { host: string; port: number };
  readonly #control: Stream;

  constructor(control: Stream, address: { host: string; port: number }) {
    this.#control = control;
    this.address = address;
  }

  *accept(): Steps<RealPeer> {
    const { peer } = yield* this.ask<{ peer: number }>({ do: 'accept' });
    return new RealPeer(this, peer);
  }

  *connectAndReset(port: number): Steps {
    yield* this.ask({ do: 'connectAndReset', port });
  }

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

class RealPeer implements RawPeer {
  readonly server: RealServer;
  readonly id: number;

  constructor(server: RealServer, id: number) {
    this.server = server;
    this.id = id;
  }

  *reset(): Steps {
    yield* this.server.ask({ do: 'reset', peer: this.id });
  }

  *destroy(): Steps {
    yield* this.server.ask({ do: 'destroy', peer: this.id });
  }

  *end(text: string): Steps {
    yield* this.server.ask({ do: 'end', peer: this.id, text });
  }

  *write(byteCount: number): Steps {
    yield* this.server.ask({ do: 'write', peer: this.id, byteCount });
  }

  *flood(): Steps {
    yield* this.server.ask({ do: 'flood', peer: this.id });
  }

  *readToEnd(): Steps<Reading> {
    return yield* this.server.ask<Reading>({ do: 'readToEnd', peer: this.id });
  }

  *report(): Steps {
    yield* this.server.ask({ do: 'report', peer: this.id });
  }
}

function* replyFrom<Answer>({ reader }: Stream): Steps<Answer> {
  return JSON.parse(text(yield* reader.readLine()));
}

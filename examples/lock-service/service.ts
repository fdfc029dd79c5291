/**
 * A lock service and its client: names are locked by whoever asks first, and handed on in the order of asking. What a
 * client holds, or waits for, is let go when its connection ends.
 *
 * The protocol is lines of text: `acquire NAME`, answered by `granted NAME TOKEN` when the lock is the client's, and
 * `release NAME`, answered by `released NAME`. A token is larger than all before it: what the lock guards can refuse who
 * comes with an old one.
 *
 * The server keeps a journal, and grants a lock only when the journal has it: writing takes time, in which anything may
 * happen. `explore.ts`, beside this file, looks for what can go wrong in it.
 */
import { openConnection, type StreamReader, type StreamWriter, startServer } from 'tulipa';

export interface LockServerOptions {
  port: number;
  /** Makes an entry durable. */
  record: (entry: string) => PromiseLike<void>;
  /** Sets the holder when the journal has it, not before: the mistake that is to be found. */
  mistaken?: boolean;
}

interface Client {
  readonly writer: StreamWriter;
  readonly name: string;
}

interface Lock {
  readonly name: string;
  /** it is somebody's, or about to be */
  taken: boolean;
  holder: Client | null;
  token: number;
  readonly waiting: Client[];
}

/** Serves until it is cancelled. */
export async function serveLocks(options: LockServerOptions): Promise<void> {
  const locks = new Locks(options);
  const { port } = options;
  const server = await startServer((reader, writer) => locks.serve(reader, writer), {
    host: '0.0.0.0',
    port,
  });
  await server.serveForever();
}

class Locks {
  readonly #locks = new Map<string, Lock>();
  readonly #options: LockServerOptions;
  #clients = 0;

  constructor(options: LockServerOptions) {
    this.#options = options;
  }

  async serve(reader: StreamReader, writer: StreamWriter): Promise<void> {
    this.#clients++;
    const client = { writer, name: `client ${this.#clients}` };
    try {
      for await (const line of reader) {
        const [verb, name = ''] = new TextDecoder().decode(line).trim().split(' ');
        if (verb === 'acquire') await this.#acquire(client, name);
        else if (verb === 'release') await this.#release(client, name);
        else break;
      }
    } finally {
      writer.close();
      for (const lock of this.#locks.values()) await this.#letGo(lock, client);
    }
  }

  async #acquire(client: Client, name: string): Promise<void> {
    let lock = this.#locks.get(name);
    if (lock === undefined) {
      lock = { name, taken: false, holder: null, token: 0, waiting: [] };
      this.#locks.set(name, lock);
    }
    lock.waiting.push(client);
    if (!lock.taken) await this.#handOn(lock);
  }

  async #release(client: Client, name: string): Promise<void> {
    const lock = this.#locks.get(name);
    if (lock?.holder !== client) return;
    client.writer.writeNow(`released ${name}\n`);
    await this.#handOn(lock);
  }

  async #letGo(lock: Lock, client: Client): Promise<void> {
    const place = lock.waiting.indexOf(client);
    if (place >= 0) lock.waiting.splice(place, 1);
    if (lock.holder === client) await this.#handOn(lock);
  }

  /** Gives the lock to whoever has waited longest. */
  async #handOn(lock: Lock): Promise<void> {
    const next = lock.waiting.shift() ?? null;
    const token = ++lock.token;
    lock.taken = next !== null;
    if (this.#options.mistaken === true) {
      if (next !== null) await this.#options.record(`grant ${lock.name} to ${next.name}`);
      // If `next` went while that was written, it was neither waiting nor the holder, and nobody hands the lock on.
      lock.holder = next;
    } else {
      lock.holder = next;
      if (next !== null) await this.#options.record(`grant ${lock.name} to ${next.name}`);
      if (lock.token !== token) return; // it went meanwhile, and the lock with it
    }
    if (next !== null && !next.writer.isClosing()) next.writer.writeNow(`granted ${lock.name} ${token}\n`);
  }
}

/** One connection to the service. */
export class LockClient implements AsyncDisposable {
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;

  private constructor(reader: StreamReader, writer: StreamWriter) {
    this.#reader = reader;
    this.#writer = writer;
  }

  static async connect(host: string, port: number): Promise<LockClient> {
    const { reader, writer } = await openConnection({ host, port });
    return new LockClient(reader, writer);
  }

  /** Waits until the lock is ours, and returns the token. Who stops waiting must close the connection. */
  async acquire(name: string): Promise<number> {
    await this.#writer.write(`acquire ${name}\n`);
    return Number((await this.#answer('granted'))[2]);
  }

  async release(name: string): Promise<void> {
    await this.#writer.write(`release ${name}\n`);
    await this.#answer('released');
  }

  async #answer(verb: string): Promise<string[]> {
    const words = new TextDecoder()
      .decode(await this.#reader.readLine())
      .trim()
      .split(' ');
    if (words[0] !== verb) throw new Error(`Cannot go on: the lock service said '${words.join(' ')}'`);
    return words;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer.close();
    await this.#writer.waitClosed();
  }
}

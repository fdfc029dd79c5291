import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Greeting, Request, Sample } from './serve.ts';

/** Milliseconds for one sample, or to start; hundreds of times what one takes. */
const timeLimit = 60_000;

export interface PeerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** A peer in a process of its own, which idles while others are asked and ends when its standard input does. */
export class PeerProcess implements AsyncDisposable {
  readonly name: string;
  readonly greeting: Greeting;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<string>;

  /** @returns why not, if it does not start */
  static async start({ name, command, args }: PeerCommand): Promise<PeerProcess | string> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    // A peer that has died is told of by its end, not by what could not be written to it.
    child.stdin.on('error', () => {});
    const closed = once(child, 'close').then(
      () => complaint.trim() || 'it ended',
      (error: Error) => error.message,
    );
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const greeting = await readLine<Greeting>(child, lines);
    return greeting === null ? await closed : new PeerProcess(name, greeting, child, lines, closed);
  }

  private constructor(
    name: string,
    greeting: Greeting,
    child: ChildProcess,
    lines: AsyncIterator<string>,
    closed: Promise<string>,
  ) {
    this.name = name;
    this.greeting = greeting;
    this.#child = child;
    this.#lines = lines;
    this.#closed = closed;
  }

  /** @throws what it printed, if it failed */
  async ask(request: Request): Promise<Sample> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const sample = await readLine<Sample>(this.#child, this.#lines);
    if (sample === null) {
      throw new Error(`Cannot measure ${this.name}, ${request.case}:\n${await this.#closed}`);
    }
    return sample;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    this.#child.kill();
    await this.#closed;
  }
}

/** @returns null: it has ended, or was ended because it said nothing for too long */
async function readLine<T>(child: ChildProcess, lines: AsyncIterator<string>): Promise<T | null> {
  const limit = setTimeout(() => child.kill('SIGKILL'), timeLimit);
  try {
    const { done, value } = await lines.next();
    return done ? null : (JSON.parse(value) as T);
  } finally {
    clearTimeout(limit);
  }
}

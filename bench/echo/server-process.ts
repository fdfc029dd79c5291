import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Place } from './one-core.ts';

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** beside what everybody has */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server in a process of its own, which prints its port and ends when its standard input does. */
export class ServerProcess implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** @returns why not, if it does not start */
  static async start(
    { name, command, args, environment }: ServerCommand,
    place: Place,
  ): Promise<ServerProcess | string> {
    const child = spawn(...place(command, args), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    const ended = once(child, 'close').then(
      () => null,
      (error: Error) => error.message,
    );
    const firstLine = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    const line = await Promise.race([firstLine.then(([text]) => ({ text })), ended]);
    if (typeof line === 'object' && line !== null) {
      return new ServerProcess(name, Number(line.text), child, ended);
    }
    return line ?? (complaint.trim() || 'it ended at once');
  }

  private constructor(name: string, port: number, child: ChildProcess, ended: Promise<unknown>) {
    this.name = name;
    this.port = port;
    this.#child = child;
    this.#ended = ended;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}

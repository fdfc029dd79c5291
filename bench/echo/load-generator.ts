import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { programFile } from '../program.ts';
import type { Place } from './one-core.ts';

const execute = promisify(execFile);

export interface Load {
  readonly bytes: number;
  readonly connections: number;
  /** messages in flight on each connection */
  readonly depth: number;
  readonly milliseconds: number;
}

export interface Echoes {
  readonly messages: number;
  readonly seconds: number;
}

export type Kind = 'c' | 'node';

/** The client, in a process of its own: load.c where there is a C compiler, else load.ts. */
export class LoadGenerator implements AsyncDisposable {
  readonly kind: Kind;
  readonly #command: string;
  readonly #args: readonly string[];
  /** made for the compiled client */
  readonly #folder: string | null;

  /** @param kind whichever works unless given @throws the compiler's complaint, if it was asked for */
  static async create(kind: Kind | null): Promise<LoadGenerator> {
    if (kind === 'node') return LoadGenerator.#inTypeScript();
    const folder = await mkdtemp(join(tmpdir(), 'tulipa-bench-'));
    const program = join(folder, 'load');
    try {
      await execute('cc', ['-O2', '-o', program, fileURLToPath(new URL('./load.c', import.meta.url))]);
      return new LoadGenerator('c', program, [], folder);
    } catch (error) {
      await rm(folder, { recursive: true });
      if (kind === 'c') throw error;
      return LoadGenerator.#inTypeScript();
    }
  }

  static #inTypeScript(): LoadGenerator {
    return new LoadGenerator('node', process.execPath, [programFile('echo/load')], null);
  }

  private constructor(kind: Kind, command: string, args: readonly string[], folder: string | null) {
    this.kind = kind;
    this.#command = command;
    this.#args = args;
    this.#folder = folder;
  }

  /** @throws the client's complaint: above all, that the echo is wrong or the server silent */
  async run(port: number, load: Load, place: Place): Promise<Echoes> {
    const numbers = [port, load.connections, load.bytes, load.depth, load.milliseconds].map(String);
    const { stdout } = await execute(...place(this.#command, [...this.#args, ...numbers]));
    return JSON.parse(stdout) as Echoes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder !== null) await rm(this.#folder, { recursive: true });
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { programFile } from '../program.ts';
import type { Place } from './one-core.ts';
import type { Workshop } from './workshop.ts';

export interface Load {
  readonly bytes: number;
  readonly connections: number;
  /** messages in flight on each connection; 0: one, and then another connection */
  readonly depth: number;
  readonly milliseconds: number;
}

export interface Echoes {
  readonly messages: number;
  readonly seconds: number;
}

export type Kind = 'c' | 'node';

/** Looks at the server while all connections are open: when no message has been sent yet, and when all are back. */
export interface Observer {
  before(): void;
  after(): void;
}

/** The client, in a process of its own: load.c where there is a C compiler, else load.ts. */
export class LoadGenerator {
  readonly kind: Kind;
  readonly #command: string;
  readonly #args: readonly string[];

  /** @param kind whichever works unless given @throws the compiler's complaint, if it was asked for */
  static async create(workshop: Workshop, kind: Kind | null): Promise<LoadGenerator> {
    if (kind === 'node') return LoadGenerator.#inTypeScript();
    try {
      const program = await workshop.compileC(fileURLToPath(new URL('./load.c', import.meta.url)));
      return new LoadGenerator('c', program, []);
    } catch (error) {
      if (kind === 'c') throw error;
      return LoadGenerator.#inTypeScript();
    }
  }

  static #inTypeScript(): LoadGenerator {
    return new LoadGenerator('node', process.execPath, [programFile('echo/load')]);
  }

  private constructor(kind: Kind, command: string, args: readonly string[]) {
    this.kind = kind;
    this.#command = command;
    this.#args = args;
  }

  /** @throws the client's complaint: above all, that the echo is wrong or the server silent */
  async run(port: number, load: Load, place: Place, observer?: Observer): Promise<Echoes> {
    const numbers = [port, load.connections, load.bytes, load.depth, load.milliseconds].map(String);
    const child = spawn(...place(this.#command, [...this.#args, ...numbers]), {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // Its complaint tells more than that it does not listen any more.
    child.stdin.on('error', () => {});
    const ended = once(child, 'close');
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    let answer = '';
    for await (const line of createInterface(child.stdout)) {
      if (line === 'ready') {
        observer?.before();
        child.stdin.write('\n');
      } else {
        observer?.after();
        answer = line;
        child.stdin.end();
      }
    }
    const [code, signal] = await ended;
    if (code !== 0 || answer === '')
      throw new Error(complaint.trim() || `The client ended with ${code ?? signal}`);
    return JSON.parse(answer) as Echoes;
  }
}

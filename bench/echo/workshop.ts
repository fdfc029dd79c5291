import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Compiles the programs of a benchmark into a folder that goes with it. Each rejects with the compiler's complaint. */
export class Workshop implements AsyncDisposable {
  readonly #folder: string;

  static async open(): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(tmpdir(), 'tulipa-bench-')));
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  async compileC(source: string): Promise<string> {
    return await this.#compile(source, (program) => ['cc', ['-O2', '-o', program, source]]);
  }

  async compileGo(source: string): Promise<string> {
    return await this.#compile(source, (program) => ['go', ['build', '-o', program, source]]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  async #compile(
    source: string,
    compiler: (program: string) => [command: string, args: string[]],
  ): Promise<string> {
    const name = basename(source);
    const program = join(this.#folder, name.slice(0, -extname(name).length));
    await execute(...compiler(program));
    return program;
  }
}

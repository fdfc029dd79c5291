import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { programCommand, repositoryRoot } from '../support/run-program.ts';

export interface ProgramEnd {
  /** null: a signal ended it */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program of this repository in a process of its own, which ends with the test at the latest. */
export class RunningProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stdout = '';
  #stderr = '';
  #changed: (() => void) | null = null;

  /**
   * @param uid the user to run it as, which root can choose
   * @param wrap what the command line is put into: `(line) => ['sh', '-c', …]`
   */
  constructor(
    test: TestContext,
    file: string,
    args: readonly string[] = [],
    options: { env?: Record<string, string>; uid?: number; wrap?: (words: string[]) => string[] } = {},
  ) {
    const { command, args: words } = programCommand(file, ...args);
    const [program = '', ...rest] = options.wrap?.([command, ...words]) ?? [command, ...words];
    const { TULIPA_LOOP: _, TULIPA_RUNNER: __, ...environment } = process.env;
    this.#child = spawn(program, rest, {
      cwd: repositoryRoot,
      env: { ...environment, ...options.env },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#changed?.();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#changed?.();
    });
    this.#child.on('close', () => this.#changed?.());
    this.#ended = once(this.#child, 'close');
    test.after(() => this.#child.kill('SIGKILL'));
  }

  /** Waits until the program has written something that matches, to either output. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
      if (match !== null) return match;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        assert.fail(`The program ended before it said ${pattern}: ${this.#stdout}${this.#stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Stops reading what it writes to standard output. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  async end(): Promise<ProgramEnd> {
    await this.#ended;
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}

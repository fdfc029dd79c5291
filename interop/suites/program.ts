import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Runtime } from './outcome.ts';

export interface Ended {
  /** null: ended by a signal */
  status: number | null;
  stdout: string;
  /** with what the program said last if there was too much */
  stderr: string;
  timedOut: boolean;
}

interface ProgramOptions {
  cwd: string;
  env?: Readonly<Record<string, string | undefined>>;
  /** milliseconds after which it is killed, with whatever it has started */
  timeout: number;
}

const resolver = new URL('../resolve.ts', import.meta.url).href;
const preload = new URL('./preload.ts', import.meta.url).href;

/** Runs a program of Node's, with or without our loop; programs that it starts are as it is. */
export function runProgram(
  runtime: Runtime,
  args: readonly string[],
  options: ProgramOptions,
): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: { ...process.env, ...environmentOf(runtime), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  return new Promise((resolve, reject) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, options.timeout);
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
      });
    }
    child.once('error', reject);
    child.once('exit', (status) => {
      clearTimeout(timer);
      // What it has left behind would keep its output open.
      killGroup(child);
      child.once('close', () => resolve({ status, timedOut, ...said }));
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // There is nobody left.
  }
}

/** By the environment, so that programs which are started by programs have it too. */
function environmentOf(runtime: Runtime): Record<string, string> {
  if (runtime === 'plain') return {};
  return {
    NODE_OPTIONS: `--conditions=source --import=${resolver} --import=${preload} ${process.env['NODE_OPTIONS'] ?? ''}`,
    TULIPA_SUITE_DRIVER: runtime,
  };
}

/** A path of this folder. */
export function fileHere(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

import { spawn } from 'node:child_process';
import { programCommand } from './run-program.ts';

export interface EndedProgram {
  stdout: string;
  stderr: string;
  /** null: ended by a signal */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunToEndOptions {
  env?: Record<string, string>;
  /** Called with each chunk of standard output: to answer what the program says. */
  onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** The same for standard error. */
  onError?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

const limitMilliseconds = 30_000;

/** Starts a program of this repository and waits until it has ended, by itself or after half a minute. */
export function runToEnd(
  file: string,
  args: readonly string[],
  options: RunToEndOptions = {},
): Promise<EndedProgram> {
  const { command, args: all } = programCommand(file, ...args);
  return new Promise((resolve, reject) => {
    const child = spawn(command, all, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMilliseconds,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onOutput?.(text, (signal) => child.kill(signal));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onError?.(text, (signal) => child.kill(signal));
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ stdout, stderr, code, signal }));
  });
}

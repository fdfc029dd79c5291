import { InterruptedError } from '../interface/index.ts';

interface HostProcess {
  readonly pid: number;
  on(event: string, listener: (error: unknown) => void): unknown;
  listenerCount(event: string): number;
  kill(pid: number, signal: string): unknown;
}

const host = (globalThis as { process?: HostProcess }).process;
let watching = false;

/**
 * From now on, an InterruptedError that nobody catches ends the process by the signal it tells of, and without a word: the
 * shell, or whoever started the program, is to see that it was interrupted. A program that looks after its uncaught
 * errors itself gets this one too.
 */
export function dieOfUncaughtInterrupts(): void {
  if (watching || typeof host?.on !== 'function') return;
  watching = true;
  host.on('uncaughtExceptionMonitor', (error) => {
    if (error instanceof InterruptedError && host.listenerCount('uncaughtException') === 0)
      host.kill(host.pid, error.signal);
  });
}

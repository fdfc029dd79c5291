import type { Operation } from '../interface/index.ts';

interface HostProcess {
  on?(event: string, listener: () => void): unknown;
  off?(event: string, listener: () => void): unknown;
}

const host = (globalThis as { process?: HostProcess }).process;

/**
 * Calls back whenever the host has nothing left to wait for and is about to end the process, or the thread: what waits
 * then waits for ever. Where the host tells nobody, never.
 */
export function watchHostIdle(callback: () => void): Operation {
  host?.on?.('beforeExit', callback);
  return { cancel: () => void host?.off?.('beforeExit', callback) };
}

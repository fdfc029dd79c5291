import { type EventLoop, StateError } from '../interface/index.ts';

/** The time and chance of whichever host of a simulation runs. */
export interface GlobalsClock {
  /** milliseconds since 1970, fractions allowed */
  now(): number;
  /** milliseconds since the host was started, or from another arbitrary beginning */
  monotonic(): number;
  /** from 0 on, below 1 */
  random(): number;
  /** the loop of the host that runs */
  loop(): EventLoop;
}

let installed: GlobalsClock | null = null;

/**
 * null: no simulation runs, or one that leaves the globals alone. Whatever is put in their place asks here first, and does
 * what the real one does then: a module that was loaded in a simulation may have kept it.
 */
export function globalsClock(): GlobalsClock | null {
  return installed;
}

/** @throws {StateError} there is one */
export function setGlobalsClock(clock: GlobalsClock): void {
  if (installed !== null) {
    throw new StateError(
      'ERR_SIMULATION_RUNNING',
      'Cannot replace the globals: a simulation has done so already',
    );
  }
  installed = clock;
}

export function clearGlobalsClock(): void {
  installed = null;
}

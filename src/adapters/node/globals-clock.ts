import { type EventLoop, StateError } from '../../interface/index.ts';

/** Time and chance: of one loop, or of whichever host of a simulation runs. */
export interface GlobalsClock {
  /** milliseconds since 1970, fractions allowed */
  now(): number;
  /** milliseconds since the host was started, or from another arbitrary beginning */
  monotonic(): number;
  /** from 0 on, below 1 */
  random(): number;
  /** the one that runs */
  loop(): EventLoop;
  /** false: this is code of whoever runs the simulation, for which they are real */
  appliesHere?(): boolean;
}

let installed: GlobalsClock | null = null;

/**
 * null: the globals are real. Whatever is put in their place asks here first, and does
 * what the real one does then: a module that was loaded meanwhile may have kept it.
 */
export function globalsClock(): GlobalsClock | null {
  return installed?.appliesHere?.() === false ? null : installed;
}

/** @throws {StateError} there is one */
export function setGlobalsClock(clock: GlobalsClock): void {
  if (installed !== null) {
    throw new StateError(
      'ERR_GLOBALS_REPLACED',
      'Cannot replace timers and other globals: a simulation, or installTimers, has done so already',
    );
  }
  installed = clock;
}

export function clearGlobalsClock(clock: GlobalsClock): void {
  if (installed === clock) installed = null;
}

import type { EventLoop } from './event-loop.ts';

/**
 * What is done around every loop's runs by what lies above this layer: debugging, which the package's entry puts here.
 * Its methods must not throw.
 */
export interface LoopExtension {
  /** The loop is about to turn, or debug mode was switched while it does. */
  running(loop: EventLoop): void;
  /** It does not turn any more, but may again. */
  stopped(loop: EventLoop): void;
  /** Its tasks have ended; what is open still is going to be closed. */
  windsDown(loop: EventLoop): void;
  closed(loop: EventLoop): void;
}

/** @internal */
export let extension: LoopExtension | null = null;

/** Puts it around the runs of all loops that begin from now on; null: nothing. */
export function setLoopExtension(next: LoopExtension | null): void {
  extension = next;
}

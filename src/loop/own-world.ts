import type { EventLoop } from '../interface/index.ts';

const loops = new WeakSet<EventLoop>();

/** Says that whatever happens to the loop is decided by its driver alone: nothing real may have a part in it. */
export function markOwnWorld(loop: EventLoop): void {
  loops.add(loop);
}

/**
 * True in a simulation, where the same is to happen each time: when garbage is collected, say, must not be noticed there.
 */
export function hasOwnWorld(loop: EventLoop): boolean {
  return loops.has(loop);
}

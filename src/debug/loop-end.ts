import { type EventLoop, StateError } from '../interface/index.ts';

const endings = new WeakMap<EventLoop, Set<() => void>>();

/**
 * Calls `end` once, when the loop is closed: nothing that looks at a loop outlives it. What it throws is not caught.
 *
 * A foreign loop tells nobody that it is closed: what looks at one is to be ended by whoever started it.
 *
 * @param doing for the error: `watch the loop`
 * @returns takes it back; idempotent
 * @throws {StateError} it is closed already
 */
export function atLoopEnd(loop: EventLoop, doing: string, end: () => void): () => void {
  if (loop.isClosed()) throw new StateError('ERR_LOOP_CLOSED', `Cannot ${doing}: it is closed`);
  let ends = endings.get(loop);
  if (ends === undefined) {
    ends = new Set();
    endings.set(loop, ends);
  }
  ends.add(end);
  return () => void ends.delete(end);
}

/** Says that the loop is closed. */
export function loopEnded(loop: EventLoop): void {
  const ends = endings.get(loop);
  endings.delete(loop);
  for (const end of ends ?? []) end();
}

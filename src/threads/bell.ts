import { writeSync } from 'node:fs';
import type { Bell } from '../interface/index.ts';

const stroke = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Ends the wait that the bell belongs to. Needs no foreign-function interface. False: there is nobody any more. */
export function ring({ descriptor, state }: Bell): boolean {
  Atomics.add(state, 0, 1);
  try {
    if (isGone({ state })) return false;
    writeSync(descriptor, stroke);
  } catch {
    // Full: it has been rung so often that one more makes no difference.
  } finally {
    if (Atomics.sub(state, 0, 1) === 1) Atomics.notify(state, 0);
  }
  return true;
}

export function isGone({ state }: Pick<Bell, 'state'>): boolean {
  return Atomics.load(state, 1) !== 0;
}

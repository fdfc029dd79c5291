import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects in the middle of whatever is going on. */
export const collectAtOnce = collect;

/** Collects what nothing refers to. In a turn of its own: what a `WeakRef` has shown stays until the present one ends. */
export async function collectGarbage(): Promise<void> {
  await setImmediate();
  collect();
  await setImmediate();
}

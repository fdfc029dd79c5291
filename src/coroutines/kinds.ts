import type { Suspension, Waitable } from '../interface/index.ts';

/** A generator object, or what behaves like one. */
export function isGenerator(value: unknown): value is Generator<Suspension, unknown, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Generator>).next === 'function' &&
    typeof (value as Partial<Generator>).throw === 'function' &&
    typeof (value as Partial<Generator>)[Symbol.iterator] === 'function'
  );
}

/** What can be awaited: promises and whatever else has a `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** What can be waited for in both spellings: futures, coroutines and their like, but no promise. */
export function isWaitable(value: unknown): value is Waitable<unknown> {
  return isThenable(value) && typeof (value as Partial<Waitable<unknown>>)[Symbol.iterator] === 'function';
}

import type { Suspension, Waitable } from '../interface/index.ts';

const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor as new () => unknown;

/** A function whose calls run nothing yet; one that hides it in another function is none. */
export function isGeneratorFunction(value: unknown): boolean {
  return value instanceof GeneratorFunction;
}

const generatorPrototype: object = Object.getPrototypeOf(function* () {}).prototype;
const isBasisOf = Object.prototype.isPrototypeOf;

/** A generator object, or what behaves like one. */
export function isGenerator(value: unknown): value is Generator<Suspension, unknown, unknown> {
  // Every generator function gives objects of another shape, so that looking for their methods is slow.
  if (isBasisOf.call(generatorPrototype, value as object)) return true;
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

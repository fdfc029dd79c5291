import assert from 'node:assert/strict';
import type { Suspension, Waitable } from 'tulipa';

/** As `assert.rejects`, for generators. */
export function* assertRejects(
  waitable: Pick<Waitable<unknown>, typeof Symbol.iterator>,
  // biome-ignore lint/suspicious/noExplicitAny: classes of errors, whatever they are made with
  expected: Error | (new (...args: any[]) => Error) | ((error: unknown) => boolean) | object,
): Generator<Suspension, void, unknown> {
  let failure: { error: unknown } | null = null;
  try {
    yield* waitable;
  } catch (error) {
    failure = { error };
  }
  assert.throws(() => {
    if (failure !== null) throw failure.error;
  }, expected);
}

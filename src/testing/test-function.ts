import process from 'node:process';
import { test as nodeTest } from 'node:test';
import { StateError } from '../interface/index.ts';

/** What a test is made by: `test` of node:test, of vitest, or of what is like them. */
export type TestFunction = (
  name: string,
  options: TestSettings,
  run: (context: unknown) => Promise<void>,
) => unknown;

/** What is said of a test to who runs it; left out where it was not given. */
export interface TestSettings {
  readonly skip?: boolean;
  readonly only?: boolean;
  readonly todo?: boolean;
  readonly timeout?: number;
}

/**
 * vitest's, where it runs this; else that of node:test.
 *
 * @throws {StateError} vitest runs this and hides its own
 */
export function foundTest(): TestFunction {
  if (process.env['VITEST'] === undefined) return nodeTest as TestFunction;
  // What becomes `import.meta.vitest` in tests that stand beside their source, and what `globals: true` makes.
  const inside: unknown = Reflect.get(globalThis, '__vitest_index__');
  for (const place of [inside, globalThis]) {
    const test: unknown = (place as { test?: unknown } | undefined)?.test;
    if (typeof test === 'function') return test as TestFunction;
  }
  throw new StateError(
    'ERR_NO_TEST_FUNCTION',
    'Cannot make the test: vitest runs this, and its `test` is not to be found; give it as the option `test`',
  );
}

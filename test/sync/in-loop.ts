import { it } from 'node:test';
import { createTask, type Task } from '../../src/coroutines/index.ts';
import type { Suspension, Waitable } from '../../src/interface/index.ts';
import { runSimulated } from '../support/simulated.ts';

type Body = () => Generator<Suspension, void, unknown> | Promise<void>;

/** A test whose body is the main function of a loop. */
export function test(name: string, body: Body): void {
  it(name, () => runSimulated(body));
}

/** As many turns as anything in a test takes that does not wait for time. */
export function* settle(): Generator<Suspension, void, unknown> {
  for (let turn = 0; turn < 8; turn++) yield;
}

/** Starts a task that waits for what `begin` gives and ends with its result. */
export type Spawn = <T>(begin: () => Waitable<T>) => Task<T>;

/** The two ways to wait. */
export const spellings: readonly (readonly [name: string, spawn: Spawn])[] = [
  [
    'yield*',
    (begin) =>
      createTask(function* () {
        return yield* begin();
      }),
  ],
  ['await', (begin) => createTask(async () => await begin())],
];

/** A test for each of the two ways to wait. */
export function testBoth(
  name: string,
  body: (spawn: Spawn) => Generator<Suspension, void, unknown> | Promise<void>,
): void {
  for (const [spelling, spawn] of spellings) test(`${name}, with ${spelling}`, () => body(spawn));
}

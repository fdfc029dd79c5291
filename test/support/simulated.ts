/** Loops in virtual time for tests: nothing in them waits, and what they do is the same in every run. */
import fc from 'fast-check';
import { World } from '../../src/drivers/simulation/index.ts';
import type { Awaitable, EventLoop as EventLoopInterface, TaskSource } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { type EventLoop, newEventLoop, run } from '../../src/runtime/index.ts';

const worlds = new WeakMap<EventLoopInterface, World>();

/**
 * A loop of a simulation; its time begins with 0.
 *
 * @param order which of the tasks that are ready goes on, by its place among them, over and over: any numbers from 0 on;
 * none: they go on in the order in which they became ready, as on any loop
 */
export function simulatedLoop(order: readonly number[] = []): EventLoop {
  const world = new World();
  const loop = newEventLoop({ driver: world.addMachine('test').boot() });
  worlds.set(loop, world);
  let choices = 0;
  if (order.length > 0) loop.setOrder((ready) => (order[choices++ % order.length] as number) % ready.length);
  return loop;
}

/** Orders for properties that hold in any; none is the simplest, and as likely as not. */
export const taskOrder: fc.Arbitrary<number[]> = fc.oneof(
  fc.constant<number[]>([]),
  fc.array(fc.nat({ max: 15 }), { minLength: 1, maxLength: 40 }),
);

/** As `run`, on such a loop. */
export function runSimulated<T>(main: TaskSource<T> | Awaitable<T>, order?: readonly number[]): Promise<T> {
  return run(main, { loopFactory: () => simulatedLoop(order) });
}

/** Has the callback that calls this take so many milliseconds: what is due by then is due in one turn. */
export function busyFor(milliseconds: number): void {
  const world = worlds.get(getRunningLoop());
  if (world === undefined) throw new Error('Cannot be busy: time goes by itself on this loop');
  world.advanceTo(world.now + milliseconds);
}

/** A promise of the host's, fulfilled in a millisecond. */
export function nativePromise<T>(value?: T): Promise<T | undefined> {
  const loop = getRunningLoop();
  return new Promise((resolve) => loop.callLater(1, () => resolve(value)));
}

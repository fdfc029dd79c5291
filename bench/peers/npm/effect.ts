// Effect 4: fibers on its own scheduler, programs in `Effect.gen` and `Effect.fnUntraced`, as its guide recommends.
import { Deferred, Effect, Fiber, Queue, Semaphore } from 'effect';
import { TASKS } from '../cases.ts';
import { begin, serve } from '../serve.ts';
import { versionOf } from './version-of.ts';

type Waits = (count: number, depth?: number) => Effect.Effect<number>;

const waits: Waits = Effect.fnUntraced(function* (count: number, depth = 1) {
  if (depth > 1) return yield* waits(count, depth - 1);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    yield* Effect.yieldNow;
    sum += i;
  }
  return sum;
});

const returns = (value: number) => Effect.succeed(value);

const waitsOnce = Effect.fnUntraced(function* (value: number) {
  yield* Effect.yieldNow;
  return value;
});

const add = (sum: number, value: number) => sum + value;

const deep = (depth: number) => (count: number) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const end = begin();
      return end(yield* waits(count, depth - 1));
    }),
  );

await serve(versionOf('effect'), {
  'one task': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          yield* Effect.yieldNow;
          sum += i;
        }
        return end(sum);
      }),
    ),

  '100 tasks': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        const fibers = Array.from({ length: TASKS }, () => waits(count / TASKS));
        return end((yield* Effect.all(fibers, { concurrency: 'unbounded' })).reduce(add, 0));
      }),
    ),

  '5 deep': deep(5),
  '20 deep': deep(20),

  'spawn, join': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        let sum = 0;
        for (let i = 0; i < count; i += 1) sum += yield* Fiber.join(yield* Effect.forkChild(returns(i)));
        return end(sum);
      }),
    ),

  'waits once': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        let sum = 0;
        for (let i = 0; i < count; i += 1) sum += yield* Fiber.join(yield* Effect.forkChild(waitsOnce(i)));
        return end(sum);
      }),
    ),

  eager: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          sum += yield* Fiber.join(yield* Effect.forkChild(returns(i), { startImmediately: true }));
        }
        return end(sum);
      }),
    ),

  'gather 10,000': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        const children = Array.from({ length: count }, (_, i) => waitsOnce(i));
        return end((yield* Effect.all(children, { concurrency: 'unbounded' })).reduce(add, 0));
      }),
    ),

  'cancel 10,000': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        const size = Math.sqrt(count);
        const allWait = yield* Deferred.make<void>();
        let waiting = 0;
        let ended = 0;
        const waitsForever = Effect.suspend(() => {
          waiting += 1;
          if (waiting === count) Deferred.doneUnsafe(allWait, Effect.void);
          return Effect.never;
        }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              ended += 1;
            }),
          ),
        );
        const branch = Effect.gen(function* () {
          for (let i = 1; i < size; i += 1) yield* Effect.forkChild(waitsForever);
          yield* waitsForever;
        });
        const root = yield* Effect.forkChild(
          Effect.gen(function* () {
            for (let i = 0; i < size; i += 1) yield* Effect.forkChild(branch);
            yield* Effect.never;
          }),
        );
        yield* Deferred.await(allWait);
        yield* Fiber.interrupt(root);
        return end(ended);
      }),
    ),

  'ping-pong': (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        const there = yield* Queue.unbounded<number>();
        const back = yield* Queue.unbounded<number>();
        const other = yield* Effect.forkChild(
          Effect.gen(function* () {
            for (let i = 0; i < count; i += 1) yield* Queue.offer(back, (yield* Queue.take(there)) + 1);
          }),
        );
        let sum = 0;
        for (let i = 0; i < count; i += 1) {
          yield* Queue.offer(there, i);
          sum += yield* Queue.take(back);
        }
        yield* Fiber.join(other);
        return end(sum);
      }),
    ),

  lock: (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const end = begin();
        const lock = Semaphore.makeUnsafe(1);
        let sum = 0;
        const increment = lock.withPermit(
          Effect.gen(function* () {
            const seen = sum;
            yield* Effect.yieldNow;
            sum = seen + 1;
          }),
        );
        const increments = Effect.gen(function* () {
          for (let i = 0; i < count / TASKS; i += 1) yield* increment;
        });
        const fibers = Array.from({ length: TASKS }, () => increments);
        yield* Effect.all(fibers, { concurrency: 'unbounded', discard: true });
        return end(sum);
      }),
    ),
});

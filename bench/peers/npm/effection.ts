// Effection 4. It knows no turns, and no locks. Its nearest thing to a turn is an action that is resolved at once, which
// goes through its queue of operations; `sleep(0)` would be a timer of a millisecond.
import { action, all, createQueue, type Operation, run, spawn, suspend, withResolvers } from 'effection';
import { TASKS } from '../cases.ts';
import { begin, serve } from '../serve.ts';
import { versionOf } from './version-of.ts';

const nothing = () => {};

function turn(): Operation<void> {
  return action((resolve) => {
    resolve();
    return nothing;
  });
}

function* waits(count: number, depth = 1): Operation<number> {
  if (depth > 1) return yield* waits(count, depth - 1);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    yield* turn();
    sum += i;
  }
  return sum;
}

// biome-ignore lint/correctness/useYield: that it does not wait is what is measured
function* returns(value: number): Operation<number> {
  return value;
}

function* waitsOnce(value: number): Operation<number> {
  yield* turn();
  return value;
}

const add = (sum: number, value: number) => sum + value;

const deep = (depth: number) => (count: number) =>
  run(function* () {
    const end = begin();
    return end(yield* waits(count, depth - 1));
  });

await serve(versionOf('effection'), {
  'one task': (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        yield* turn();
        sum += i;
      }
      return end(sum);
    }),

  '100 tasks': (count) =>
    run(function* () {
      const end = begin();
      const operations = Array.from({ length: TASKS }, () => waits(count / TASKS));
      return end((yield* all(operations)).reduce(add, 0));
    }),

  '5 deep': deep(5),
  '20 deep': deep(20),

  'spawn, join': (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += yield* yield* spawn(() => returns(i));
      return end(sum);
    }),

  'waits once': (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += yield* yield* spawn(() => waitsOnce(i));
      return end(sum);
    }),

  'gather 10,000': (count) =>
    run(function* () {
      const end = begin();
      const children = Array.from({ length: count }, (_, i) => waitsOnce(i));
      return end((yield* all(children)).reduce(add, 0));
    }),

  'cancel 10,000': (count) =>
    run(function* () {
      const end = begin();
      const size = Math.sqrt(count);
      const allWait = withResolvers<void>();
      let waiting = 0;
      let ended = 0;
      function* waitsForever(): Operation<void> {
        waiting += 1;
        if (waiting === count) allWait.resolve();
        try {
          yield* suspend();
        } finally {
          ended += 1;
        }
      }
      function* branch(): Operation<void> {
        for (let i = 1; i < size; i += 1) yield* spawn(waitsForever);
        yield* waitsForever();
      }
      const root = yield* spawn(function* () {
        for (let i = 0; i < size; i += 1) yield* spawn(branch);
        yield* suspend();
      });
      yield* allWait.operation;
      yield* root.halt();
      return end(ended);
    }),

  'ping-pong': (count) =>
    run(function* () {
      const end = begin();
      const there = createQueue<number, never>();
      const back = createQueue<number, never>();
      const other = yield* spawn(function* () {
        for (let i = 0; i < count; i += 1) back.add((yield* there.next()).value + 1);
      });
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        there.add(i);
        sum += (yield* back.next()).value;
      }
      yield* other;
      return end(sum);
    }),
});

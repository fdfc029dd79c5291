// Ours, in generators.
import {
  coroutine,
  createTask,
  gather,
  getRunningLoop,
  Lock,
  Queue,
  run,
  type Suspension,
  taskGroup,
  wait,
} from 'tulipa';
import { TASKS } from './cases.ts';
import { begin, serve } from './serve.ts';

type Summing = Generator<Suspension, number, unknown>;

function* waits(count: number, depth = 1): Summing {
  if (depth > 1) return yield* waits(count, depth - 1);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    yield;
    sum += i;
  }
  return sum;
}

// biome-ignore lint/correctness/useYield: that it does not wait is what is measured
function* returns(value: number): Summing {
  return value;
}

function* waitsOnce(value: number): Summing {
  yield;
  return value;
}

const waitsOnceInline = coroutine(waitsOnce);

const add = (sum: number, value: number) => sum + value;

const deep = (depth: number) => (count: number) =>
  run(function* () {
    const end = begin();
    return end(yield* waits(count, depth - 1));
  });

await serve(`Node ${process.version}`, {
  'one task': (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        yield;
        sum += i;
      }
      return end(sum);
    }),

  '100 tasks': (count) =>
    run(function* () {
      const end = begin();
      const tasks = Array.from({ length: TASKS }, () => createTask(waits(count / TASKS)));
      return end((yield* gather(tasks)).reduce(add, 0));
    }),

  '5 deep': deep(5),
  '20 deep': deep(20),

  'spawn, join': (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += yield* createTask(returns(i));
      return end(sum);
    }),

  'waits once': (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += yield* createTask(waitsOnce(i));
      return end(sum);
    }),

  eager: (count) =>
    run(function* () {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += yield* createTask(returns(i), { eagerStart: true });
      return end(sum);
    }),

  'gather 10,000': (count) =>
    run(function* () {
      const end = begin();
      const children = Array.from({ length: count }, (_, i) => waitsOnceInline(i));
      return end((yield* gather(children)).reduce(add, 0));
    }),

  'cancel 10,000': (count) =>
    run(function* () {
      const end = begin();
      const size = Math.sqrt(count);
      const allWait = getRunningLoop().createFuture<void>();
      let waiting = 0;
      let ended = 0;
      function* waitsForever(): Generator<Suspension, void, unknown> {
        waiting += 1;
        if (waiting === count) allWait.setResult();
        try {
          yield* getRunningLoop().createFuture<void>();
        } finally {
          ended += 1;
        }
      }
      const branch = () =>
        taskGroup(function* (group) {
          for (let i = 1; i < size; i += 1) group.createTask(waitsForever());
          yield* waitsForever();
        });
      const root = createTask(
        // biome-ignore lint/correctness/useYield: it waits for its children
        taskGroup(function* (group) {
          for (let i = 0; i < size; i += 1) group.createTask(branch());
        }),
      );
      yield* allWait;
      root.cancel();
      yield* wait([root]);
      return end(root.cancelled() ? ended : NaN);
    }),

  'ping-pong': (count) =>
    run(function* () {
      const end = begin();
      const there = new Queue<number>();
      const back = new Queue<number>();
      const other = createTask(
        (function* () {
          for (let i = 0; i < count; i += 1) yield* back.put((yield* there.get()) + 1);
        })(),
      );
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        yield* there.put(i);
        sum += yield* back.get();
      }
      yield* other;
      return end(sum);
    }),

  lock: (count) =>
    run(function* () {
      const end = begin();
      const lock = new Lock();
      let sum = 0;
      function* increments(): Generator<Suspension, void, unknown> {
        for (let i = 0; i < count / TASKS; i += 1) {
          yield* lock.acquire();
          try {
            const seen = sum;
            yield;
            sum = seen + 1;
          } finally {
            lock.release();
          }
        }
      }
      yield* gather(Array.from({ length: TASKS }, () => createTask(increments())));
      return end(sum);
    }),
});

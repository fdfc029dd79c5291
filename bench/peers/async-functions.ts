// Ours, in `async` functions.
import { createTask, gather, getRunningLoop, Lock, Queue, run, sleep, taskGroup, wait } from 'tulipa';
import { TASKS } from './cases.ts';
import { begin, serve } from './serve.ts';

async function waits(count: number, depth = 1): Promise<number> {
  if (depth > 1) return await waits(count, depth - 1);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    await sleep(0);
    sum += i;
  }
  return sum;
}

async function returns(value: number): Promise<number> {
  return value;
}

async function waitsOnce(value: number): Promise<number> {
  await sleep(0);
  return value;
}

const add = (sum: number, value: number) => sum + value;

const deep = (depth: number) => (count: number) =>
  run(async () => {
    const end = begin();
    return end(await waits(count, depth - 1));
  });

await serve(`Node ${process.version}`, {
  'one task': (count) =>
    run(async () => {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        await sleep(0);
        sum += i;
      }
      return end(sum);
    }),

  '100 tasks': (count) =>
    run(async () => {
      const end = begin();
      const tasks = Array.from({ length: TASKS }, () => createTask(() => waits(count / TASKS)));
      return end((await gather(tasks)).reduce(add, 0));
    }),

  '5 deep': deep(5),
  '20 deep': deep(20),

  'spawn, join': (count) =>
    run(async () => {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += await createTask(() => returns(i));
      return end(sum);
    }),

  'waits once': (count) =>
    run(async () => {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += await createTask(() => waitsOnce(i));
      return end(sum);
    }),

  eager: (count) =>
    run(async () => {
      const end = begin();
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += await createTask(() => returns(i), { eagerStart: true });
      return end(sum);
    }),

  'gather 10,000': (count) =>
    run(async () => {
      const end = begin();
      const children = Array.from({ length: count }, (_, i) => createTask(() => waitsOnce(i)));
      return end((await gather(children)).reduce(add, 0));
    }),

  'cancel 10,000': (count) =>
    run(async () => {
      const end = begin();
      const size = Math.sqrt(count);
      const allWait = getRunningLoop().createFuture<void>();
      let waiting = 0;
      let ended = 0;
      async function waitsForever(): Promise<void> {
        waiting += 1;
        if (waiting === count) allWait.setResult();
        try {
          await getRunningLoop().createFuture<void>();
        } finally {
          ended += 1;
        }
      }
      const branch = () =>
        taskGroup(async (group) => {
          for (let i = 1; i < size; i += 1) group.createTask(waitsForever);
          await waitsForever();
        });
      const root = createTask(
        taskGroup(async (group) => {
          for (let i = 0; i < size; i += 1) group.createTask(branch());
        }),
      );
      await allWait;
      root.cancel();
      await wait([root]);
      return end(root.cancelled() ? ended : NaN);
    }),

  'ping-pong': (count) =>
    run(async () => {
      const end = begin();
      const there = new Queue<number>();
      const back = new Queue<number>();
      const other = createTask(async () => {
        for (let i = 0; i < count; i += 1) await back.put((await there.get()) + 1);
      });
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        await there.put(i);
        sum += await back.get();
      }
      await other;
      return end(sum);
    }),

  lock: (count) =>
    run(async () => {
      const end = begin();
      const lock = new Lock();
      let sum = 0;
      async function increments(): Promise<void> {
        for (let i = 0; i < count / TASKS; i += 1) {
          await lock.acquire();
          try {
            const seen = sum;
            await sleep(0);
            sum = seen + 1;
          } finally {
            lock.release();
          }
        }
      }
      await gather(Array.from({ length: TASKS }, () => createTask(increments)));
      return end(sum);
    }),
});

// Native promises, where they have something like it: calls instead of tasks, microtasks instead of turns.

import { TASKS } from './cases.ts';
import { begin, serve } from './serve.ts';

async function waits(count: number, depth = 1): Promise<number> {
  if (depth > 1) return await waits(count, depth - 1);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    await undefined;
    sum += i;
  }
  return sum;
}

async function returns(value: number): Promise<number> {
  return value;
}

async function waitsOnce(value: number): Promise<number> {
  await undefined;
  return value;
}

const add = (sum: number, value: number) => sum + value;

const deep = (depth: number) => async (count: number) => {
  const end = begin();
  return end(await waits(count, depth - 1));
};

await serve(`Node ${process.version}`, {
  'one task': async (count) => {
    const end = begin();
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      await undefined;
      sum += i;
    }
    return end(sum);
  },

  '100 tasks': async (count) => {
    const end = begin();
    const calls = Array.from({ length: TASKS }, () => waits(count / TASKS));
    return end((await Promise.all(calls)).reduce(add, 0));
  },

  '5 deep': deep(5),
  '20 deep': deep(20),

  'spawn, join': async (count) => {
    const end = begin();
    let sum = 0;
    for (let i = 0; i < count; i += 1) sum += await returns(i);
    return end(sum);
  },

  'waits once': async (count) => {
    const end = begin();
    let sum = 0;
    for (let i = 0; i < count; i += 1) sum += await waitsOnce(i);
    return end(sum);
  },

  'gather 10,000': async (count) => {
    const end = begin();
    const calls = Array.from({ length: count }, (_, i) => waitsOnce(i));
    return end((await Promise.all(calls)).reduce(add, 0));
  },
});

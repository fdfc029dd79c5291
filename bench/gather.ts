// Question: what does a child cost of ten thousand that run at the same time and are waited for together?
import { coroutine, createTask, gather, run, sleep } from 'tulipa';
import type { Question } from './answer.ts';
import { measure } from './measure.ts';

export const question: Question = {
  question: 'What does one of 10,000 children cost that run at the same time?',
  ask(effort) {
    const count = effort.quick ? 100 : 10_000;
    const oneOf = Array.from({ length: count }, (_, index) => index);
    return measure(effort, {
      'native async, Promise.all': async (watch) => {
        watch.start();
        watch.lap('child waits once', total(await Promise.all(oneOf.map(awaitsOnce))));
      },
      'generator, gather': (watch) =>
        run(function* () {
          watch.start();
          watch.lap('child waits once', total(yield* gather(oneOf.map(yieldsOnce))));
        }),
      'async function, gather': (watch) =>
        run(async () => {
          watch.start();
          watch.lap('child waits once', total(await gather(oneOf.map(() => createTask(sleepsOnce)))));
        }),
    });
  },
};

async function awaitsOnce(): Promise<number> {
  await undefined;
  return 1;
}

const yieldsOnce = coroutine(function* yieldsOnce(_index: number) {
  yield;
  return 1;
});

async function sleepsOnce(): Promise<number> {
  await sleep(0);
  return 1;
}

function total(ones: readonly number[]): number {
  return ones.reduce((sum, one) => sum + one, 0);
}

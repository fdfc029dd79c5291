// Question: what does a task of its own cost, started and waited for, against a call of an async function?
import { createTask, run, type Suspension, sleep } from 'tulipa';
import type { Question } from './answer.ts';
import { measure } from './measure.ts';

export const question: Question = {
  question: 'What does it cost to start a task and wait for its end?',
  ask(effort) {
    const count = effort.quick ? 100 : 30_000;
    return measure(effort, {
      'native async': async (watch) => {
        watch.start();
        let done = 0;
        for (let i = 0; i < count; i += 1) done += await returnsAtOnce();
        watch.lap('returns at once', done);
        done = 0;
        for (let i = 0; i < count; i += 1) done += await awaitsOnce();
        watch.lap('waits once', done);
      },
      generator: (watch) =>
        run(function* () {
          watch.start();
          let done = 0;
          for (let i = 0; i < count; i += 1) done += yield* createTask(yieldsNever());
          watch.lap('returns at once', done);
          done = 0;
          for (let i = 0; i < count; i += 1) done += yield* createTask(yieldsOnce());
          watch.lap('waits once', done);
        }),
      'async function': (watch) =>
        run(async () => {
          watch.start();
          let done = 0;
          for (let i = 0; i < count; i += 1) done += await createTask(returnsAtOnce);
          watch.lap('returns at once', done);
          done = 0;
          for (let i = 0; i < count; i += 1) done += await createTask(sleepsOnce);
          watch.lap('waits once', done);
        }),
    });
  },
};

async function returnsAtOnce(): Promise<number> {
  return 1;
}

async function awaitsOnce(): Promise<number> {
  await undefined;
  return 1;
}

async function sleepsOnce(): Promise<number> {
  await sleep(0);
  return 1;
}

// biome-ignore lint/correctness/useYield: that it does not yield is what is measured
function* yieldsNever(): Generator<Suspension, number, unknown> {
  return 1;
}

function* yieldsOnce(): Generator<Suspension, number, unknown> {
  yield;
  return 1;
}

// Question: what does it cost to cancel a task that sleeps?
//
// Ten thousand are started, then each is cancelled by itself and all are waited for. Natively, the nearest thing is an
// AbortController for each and a timer that takes its signal.
import { setTimeout } from 'node:timers/promises';
import { createTask, run, sleep, type Task, wait } from 'tulipa';
import type { Question } from './answer.ts';
import { measure } from './measure.ts';

const forever = 60_000;

export const question: Question = {
  question: 'What does it cost to start, and to cancel, one of 10,000 sleeping tasks?',
  ask(effort) {
    const count = effort.quick ? 100 : 10_000;
    return measure(effort, {
      'native async, AbortController': async (watch) => {
        watch.start();
        const controllers: AbortController[] = [];
        const sleepers: Promise<void>[] = [];
        for (let i = 0; i < count; i += 1) {
          const controller = new AbortController();
          controllers.push(controller);
          sleepers.push(sleepsNatively(controller.signal));
        }
        watch.lap('start', sleepers.length);
        for (const controller of controllers) controller.abort();
        const outcomes = await Promise.allSettled(sleepers);
        watch.lap('cancel', outcomes.filter(({ status }) => status === 'rejected').length);
      },
      generator: (watch) =>
        run(function* () {
          watch.start();
          const tasks: Task<void>[] = [];
          for (let i = 0; i < count; i += 1) tasks.push(createTask(sleepsInGenerator()));
          yield; // they begin to sleep
          watch.lap('start', tasks.length);
          for (const task of tasks) task.cancel();
          yield* wait(tasks);
          watch.lap('cancel', tasks.filter((task) => task.cancelled()).length);
        }),
      'async function': (watch) =>
        run(async () => {
          watch.start();
          const tasks: Task<void>[] = [];
          for (let i = 0; i < count; i += 1) tasks.push(createTask(sleepsInAsyncFunction));
          await sleep(0);
          watch.lap('start', tasks.length);
          for (const task of tasks) task.cancel();
          await wait(tasks);
          watch.lap('cancel', tasks.filter((task) => task.cancelled()).length);
        }),
    });
  },
};

async function sleepsNatively(signal: AbortSignal): Promise<void> {
  await setTimeout(forever, undefined, { signal });
}

function* sleepsInGenerator() {
  yield* sleep(forever);
}

async function sleepsInAsyncFunction(): Promise<void> {
  await sleep(forever);
}

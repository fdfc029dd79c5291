// Question: what does a callback cost that is to run soon?
//
// `together`: many are queued, then all run. `one after the other`: each queues the next. The three kinds promise
// different things: setImmediate lets I/O in between; queueMicrotask and process.nextTick let nothing in until their
// queues are empty; callSoon lets I/O in, and timers, within a millisecond.
import { getRunningLoop, run } from 'tulipa';
import type { Question } from './answer.ts';
import { measure, type Stopwatch } from './measure.ts';

type Schedule = (callback: () => void) => void;

export const question: Question = {
  question: 'What does a callback cost that is to run soon?',
  ask(effort) {
    const count = effort.quick ? 100 : 50_000;

    async function work(watch: Stopwatch, schedule: Schedule): Promise<void> {
      watch.start();
      watch.lap('together', await allTogether(count, schedule));
      watch.start();
      watch.lap('one after the other', await oneAfterTheOther(count, schedule));
    }

    return measure(effort, {
      setImmediate: (watch) => work(watch, (callback) => setImmediate(callback)),
      queueMicrotask: (watch) => work(watch, (callback) => queueMicrotask(callback)),
      'process.nextTick': (watch) => work(watch, (callback) => process.nextTick(callback)),
      'loop.callSoon': (watch) =>
        run(() => {
          const loop = getRunningLoop();
          return work(watch, (callback) => loop.callSoon(callback));
        }),
    });
  },
};

function allTogether(count: number, schedule: Schedule): Promise<number> {
  return new Promise((resolve) => {
    let ran = 0;
    const callback = () => {
      ran += 1;
      if (ran === count) resolve(ran);
    };
    for (let i = 0; i < count; i += 1) schedule(callback);
  });
}

function oneAfterTheOther(count: number, schedule: Schedule): Promise<number> {
  return new Promise((resolve) => {
    let ran = 0;
    const callback = () => {
      ran += 1;
      if (ran === count) resolve(ran);
      else schedule(callback);
    };
    schedule(callback);
  });
}

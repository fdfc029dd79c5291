// Question: what does it cost to wait once?
//
// `turn`: let others run, and go on. `yield` waits for a turn of the loop; `await undefined` for the next microtask, in
// which neither I/O nor a timer gets a chance, so `setImmediate` is shown too, which is what it would take natively.
// `future`: wait for something that a callback, queued just before, will set. `done`: wait for what is there already.
import { setImmediate } from 'node:timers/promises';
import { type Future, getRunningLoop, run, sleep } from 'tulipa';
import type { Question } from './answer.ts';
import { measure } from './measure.ts';

export const question: Question = {
  question: 'What does it cost to wait once?',
  ask(effort) {
    const count = effort.quick ? 100 : 50_000;
    return measure(effort, {
      'native async': async (watch) => {
        watch.start();
        let done = 0;
        for (; done < count; done += 1) await undefined;
        watch.lap('turn', done);
        for (done = 0; done < count; done += 1) {
          await new Promise<void>((resolve) => {
            queueMicrotask(resolve);
          });
        }
        watch.lap('future', done);
        const settled = Promise.resolve();
        for (done = 0; done < count; done += 1) await settled;
        watch.lap('done', done);
      },
      'native async, setImmediate': async (watch) => {
        watch.start();
        let done = 0;
        for (; done < count; done += 1) await setImmediate();
        watch.lap('turn', done);
      },
      generator: (watch) =>
        run(function* () {
          const loop = getRunningLoop();
          watch.start();
          let done = 0;
          for (; done < count; done += 1) yield;
          watch.lap('turn', done);
          for (done = 0; done < count; done += 1) {
            const future = loop.createFuture<void>();
            loop.callSoon(settle, future);
            yield* future;
          }
          watch.lap('future', done);
          const settled = loop.createFuture<void>();
          settled.setResult();
          for (done = 0; done < count; done += 1) yield* settled;
          watch.lap('done', done);
        }),
      'async function': (watch) =>
        run(async () => {
          const loop = getRunningLoop();
          watch.start();
          let done = 0;
          for (; done < count; done += 1) await sleep(0);
          watch.lap('turn', done);
          for (done = 0; done < count; done += 1) {
            const future = loop.createFuture<void>();
            loop.callSoon(settle, future);
            await future;
          }
          watch.lap('future', done);
          const settled = loop.createFuture<void>();
          settled.setResult();
          for (done = 0; done < count; done += 1) await settled;
          watch.lap('done', done);
        }),
    });
  },
};

function settle(future: Future<void>): void {
  future.setResult();
}

// Question: what does it cost to be looked at?
//
// `off` is a loop as everybody runs it: that it keeps who waits for whom, and since when, is part of it. Each of the
// others switches one thing on, for the whole run. Debug mode takes a stack at every wait and for every coroutine. What is
// measured is CPU time, so that who looks from a thread of its own pays too.
import {
  type Coroutine,
  coroutine,
  createTask,
  type Future,
  getRunningLoop,
  run,
  type Suspension,
} from 'tulipa';
import { serveDebug, startTrace, startWatchdog } from 'tulipa/debug';
import type { Question } from './answer.ts';
import { measure, type Stopwatch } from './measure.ts';

export const question: Question = {
  question: 'What does it cost to be looked at?',
  ask(effort) {
    const count = effort.quick ? 50 : 5_000;
    const alike = (watch: Stopwatch) => work(watch, count);
    return measure(
      effort,
      {
        off: (watch) => run(() => alike(watch), { debug: false }),
        'debug socket': (watch) =>
          run(
            async () => {
              const socket = await serveDebug(getRunningLoop());
              await alike(watch);
              socket.close();
            },
            { debug: false },
          ),
        watchdog: (watch) =>
          run(
            function* () {
              const watchdog = startWatchdog();
              yield* alike(watch);
              watchdog.stop();
            },
            { debug: false },
          ),
        trace: (watch) =>
          run(
            function* () {
              const trace = startTrace();
              yield* alike(watch);
              trace.stop();
            },
            { debug: false },
          ),
        'debug mode': (watch) => run(() => alike(watch), { debug: true }),
      },
      { clock: 'CPU time' },
    );
  },
};

const work: (watch: Stopwatch, count: number) => Coroutine<void> = coroutine(function* (watch, count) {
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
  done = 0;
  for (let i = 0; i < count; i += 1) done += yield* createTask(once());
  watch.lap('task', done);
  done = 0;
  for (let i = 0; i < count; i += 1) done += yield* inline();
  watch.lap('coroutine', done);
});

function settle(future: Future<void>): void {
  future.setResult();
}

function* once(): Generator<Suspension, number, unknown> {
  yield;
  return 1;
}

const inline = coroutine(once);

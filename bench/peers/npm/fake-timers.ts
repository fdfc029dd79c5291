// @sinonjs/fake-timers, by which test frameworks replace time: async functions that sleep by promises.
import { createClock } from '@sinonjs/fake-timers';
import {
  delayOf,
  longDelayOf,
  MANY_SLEEPERS,
  type SimulationCase,
  SLEEPERS,
} from '../../simulation/cases.ts';
import { begin, type Sample, serve } from '../serve.ts';
import { versionOf } from './version-of.ts';

async function timers(count: number, sleepers: number, delay = delayOf): Promise<Sample> {
  const end = begin();
  const clock = createClock();
  const sleep = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      clock.setTimeout(() => resolve(), milliseconds);
    });
  const sleeps = async (sleeper: number, times: number) => {
    let slept = 0;
    for (; slept < times; slept += 1) await sleep(delay(sleeper, slept));
    return slept;
  };
  let over = false;
  const all = Promise.all(
    Array.from({ length: sleepers }, (_, sleeper) => sleeps(sleeper, count / sleepers)),
  );
  void all.then(() => {
    over = true;
  });
  while (!over) await clock.tickAsync(1_000);
  return end((await all).reduce((sum, times) => sum + times, 0));
}

await serve<SimulationCase>(versionOf('@sinonjs/fake-timers'), {
  'one timer': (count) => timers(count, 1),
  '100 timers': (count) => timers(count, SLEEPERS),
  '10,000 timers': (count) => timers(count, MANY_SLEEPERS, longDelayOf),
});

// Code that knows no event loop, with `setTimeout`, simulated.
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../peers/serve.ts';
import { type delayOf, longDelayOf, MANY_SLEEPERS, type SimulationCase, SLEEPERS } from './cases.ts';
import { timers } from './scenarios.ts';

const options = { globals: true };

async function sleeps(sleeper: number, times: number, delay: typeof delayOf) {
  let slept = 0;
  for (; slept < times; slept += 1) await sleep(delay(sleeper, slept));
  return slept;
}

await serve<SimulationCase>(`Node ${process.version}`, {
  'one timer': (count) => timers(count, 1, sleeps, undefined, options),
  '100 timers': (count) => timers(count, SLEEPERS, sleeps, undefined, options),
  '10,000 timers': (count) => timers(count, MANY_SLEEPERS, sleeps, longDelayOf, options),
});

// Question: what does a timer cost among a million others?
//
// A million are inserted with delays of 1 to 1,000 ms, every second one is cancelled, in no order, and when all others
// are due they run. Then, as servers do with their time limits: with ten thousand pending, one is cancelled and another
// inserted, all with the same long delay (`replace`).
import { getRunningLoop, run, type TimerHandle } from 'tulipa';
import type { Question } from './answer.ts';
import { measure, type Stopwatch } from './measure.ts';

/** Milliseconds; nothing here runs for so long. */
const timeLimit = 60_000;

export const question: Question = {
  question: 'What does a timer cost among a million others?',
  ask(effort) {
    const count = effort.quick ? 1_000 : 1_000_000;
    const longestDelay = effort.quick ? 10 : 1_000;
    const standing = effort.quick ? 10 : 10_000;
    const replacements = effort.quick ? 100 : 300_000;
    const delays = createDelays(count, longestDelay);
    const half = everySecondShuffled(count);

    async function work<T>(watch: Stopwatch, timers: Timers<T>): Promise<void> {
      let ran = 0;
      let allRan: () => void = () => {};
      const ended = new Promise<void>((resolve) => {
        allRan = resolve;
      });
      const callback = () => {
        ran += 1;
        if (ran === count - half.length) allRan();
      };
      watch.start();
      const pending = delays.map((delay) => timers.insert(callback, delay));
      watch.lap('insert', pending.length);
      for (const index of half) timers.cancel(pending[index] as T);
      watch.lap('cancel', half.length);
      blockFor(longestDelay + 5);
      watch.start();
      await ended;
      watch.lap('run when due', ran);

      const limits = Array.from({ length: standing }, () => timers.insert(callback, timeLimit));
      watch.start();
      let replaced = 0;
      for (; replaced < replacements; replaced += 1) {
        const oldest = replaced % standing;
        timers.cancel(limits[oldest] as T);
        limits[oldest] = timers.insert(callback, timeLimit);
      }
      watch.lap('replace', replaced);
      for (const limit of limits) timers.cancel(limit);
    }

    return measure(
      effort,
      {
        'setTimeout, clearTimeout': (watch) => work(watch, nativeTimers),
        'loop.callLater, cancel': (watch) => run(() => work(watch, timersOfLoop())),
      },
      { rounds: 5, warmUps: 1 },
    );
  },
};

interface Timers<T> {
  insert(callback: () => void, delay: number): T;
  cancel(timer: T): void;
}

const nativeTimers: Timers<NodeJS.Timeout> = {
  insert: (callback, delay) => setTimeout(callback, delay),
  cancel: (timer) => clearTimeout(timer),
};

function timersOfLoop(): Timers<TimerHandle> {
  const loop = getRunningLoop();
  return {
    insert: (callback, delay) => loop.callLater(delay, callback),
    cancel: (timer) => timer.cancel(),
  };
}

/** Whole milliseconds, because `setTimeout` knows no others; the same ones in every sample. */
function createDelays(count: number, longest: number): number[] {
  const random = createRandom();
  return Array.from({ length: count }, () => 1 + Math.floor(random() * longest));
}

function everySecondShuffled(count: number): number[] {
  const random = createRandom();
  const indexes = Array.from({ length: Math.floor(count / 2) }, (_, index) => index * 2);
  for (let last = indexes.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [indexes[last], indexes[other]] = [indexes[other] as number, indexes[last] as number];
  }
  return indexes;
}

/** From 0 to 1, from a fixed seed. @see Marsaglia, "Xorshift RNGs" */
function createRandom(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Blocks the thread, so that all timers are due before the first one runs. */
function blockFor(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

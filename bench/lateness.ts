// Question: how late are timers of a few milliseconds?
//
// Some chains of them, each timer setting the next one, with random delays of whole milliseconds, which is all that
// setTimeout knows. Late is what has passed since it was set, less its delay; a setTimeout may be early, too.
import { getRunningLoop, listDrivers, run } from 'tulipa';
import type { Question } from './answer.ts';
import { Samples } from './samples.ts';

const UNIT = 'µs late';

type SetTimer = (delay: number, callback: () => void) => unknown;

export const question: Question = {
  question: 'How late are timers?',
  async ask(effort) {
    const count = effort.quick ? 40 : 1000;
    const ours = (driver: string, runner: 'guest' | 'blocking') => () =>
      run(
        async () => {
          const loop = getRunningLoop();
          return await chains(count, (delay, callback) => loop.callLater(delay, callback));
        },
        { driver, runner },
      );
    const epoll = listDrivers().find(({ name }) => name === 'epoll');
    const missing = epoll?.unavailable ?? null;
    const candidates: Record<string, () => Promise<number[]>> = {
      setTimeout: () => chains(count, (delay, callback) => setTimeout(callback, delay)),
      'node driver': ours('node', 'guest'),
      ...(missing === null && { 'epoll, guest': ours('epoll', 'guest') }),
      ...(missing === null && { 'epoll, blocking': ours('epoll', 'blocking') }),
    };
    const samples = new Samples(Object.keys(candidates));
    for (let round = effort.quick ? 0 : -1; round < (effort.quick ? 1 : 5); round += 1) {
      for (const [name, candidate] of Object.entries(candidates)) {
        const late = (await candidate()).sort((a, b) => a - b);
        if (late.length !== count) {
          throw new Error(`Cannot compare ${name}: ${late.length} of ${count} timers have run`);
        }
        if (round < 0) continue;
        for (const [caseName, share] of [
          ['median', 0.5],
          ['1 in 10', 0.9],
          ['1 in 100', 0.99],
        ] as const) {
          samples.add(name, caseName, UNIT, (late[Math.floor((count - 1) * share)] ?? 0) * 1000);
        }
      }
    }
    const notes = missing === null ? [] : [`Skipped: epoll (${missing})`];
    return { baseline: samples.baseline, figures: samples.figures(), notes };
  },
};

/** Milliseconds, of each timer. */
function chains(count: number, setTimer: SetTimer): Promise<number[]> {
  const late: number[] = [];
  let left = count;
  return new Promise((resolve) => {
    const next = () => {
      if (left === 0) return;
      left -= 1;
      const delay = 1 + Math.floor(Math.random() * 10);
      const start = performance.now();
      setTimer(delay, () => {
        late.push(performance.now() - start - delay);
        if (late.length === count) resolve(late);
        next();
      });
    };
    for (let chain = 0; chain < 4; chain += 1) next();
  });
}

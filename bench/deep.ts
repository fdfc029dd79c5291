// Question: does waiting cost more the deeper the call that waits?
//
// `wait at N`: N calls deep, waiting again and again: `yield*` passes each suspension up through every level.
// `call N`: calling N levels down, waiting once there, and returning.
import { coroutine, run, type Suspension } from 'tulipa';
import type { Question } from './answer.ts';
import { measure } from './measure.ts';

type Counting = Generator<Suspension, number, unknown>;

const depths = [1, 5, 20];

export const question: Question = {
  question: 'Does waiting cost more the deeper the call that waits?',
  ask(effort) {
    const waits = effort.quick ? 50 : 50_000;
    const calls = effort.quick ? 10 : 10_000;
    return measure(effort, {
      'native async': async (watch) => {
        for (const depth of depths) {
          watch.start();
          watch.lap(`wait at ${depth}`, await awaiting(depth, waits));
          let done = 0;
          for (let call = 0; call < calls; call += 1) done += await awaiting(depth, 1);
          watch.lap(`call ${depth}`, done);
        }
      },
      'plain generators': (watch) =>
        run(function* () {
          for (const depth of depths) {
            watch.start();
            watch.lap(`wait at ${depth}`, yield* yielding(depth, waits));
            let done = 0;
            for (let call = 0; call < calls; call += 1) done += yield* yielding(depth, 1);
            watch.lap(`call ${depth}`, done);
          }
        }),
      'coroutine()': (watch) =>
        run(function* () {
          for (const depth of depths) {
            watch.start();
            watch.lap(`wait at ${depth}`, yield* decorated(depth, waits));
            let done = 0;
            for (let call = 0; call < calls; call += 1) done += yield* decorated(depth, 1);
            watch.lap(`call ${depth}`, done);
          }
        }),
    });
  },
};

async function awaiting(depth: number, waits: number): Promise<number> {
  if (depth > 1) return await awaiting(depth - 1, waits);
  let done = 0;
  for (; done < waits; done += 1) await undefined;
  return done;
}

function* yielding(depth: number, waits: number): Counting {
  if (depth > 1) return yield* yielding(depth - 1, waits);
  let done = 0;
  for (; done < waits; done += 1) yield;
  return done;
}

const decorated = coroutine(function* decorated(depth: number, waits: number): Counting {
  if (depth > 1) return yield* decorated(depth - 1, waits);
  let done = 0;
  for (; done < waits; done += 1) yield;
  return done;
});

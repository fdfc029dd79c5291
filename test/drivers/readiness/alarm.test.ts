import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sleep } from '../../../src/coroutines/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { run } from '../../../src/runtime/index.ts';
import { realKinds } from '../../contract/kinds.ts';

const rounds = 30;
/** From so long before the first timer is due until so long after it, turns follow each other: in milliseconds. */
const busyBefore = 0.4;
const busyAfter = 0.2;
const apart = 2;
/** Only what stays away for ever stays away so long. */
const patience = 5_000;

for (const kind of realKinds) {
  if (kind.blocks) continue; // it needs no alarm

  it(
    `a timer behind one that is due in the middle of busy turns is not forgotten on the ${kind} loop`,
    {
      timeout: 30_000,
    },
    () =>
      run(async () => {
        const loop = getRunningLoop();
        for (let round = 0; round < rounds; round++) {
          const second = loop.createFuture<void>();
          const due = loop.time() + 2;
          // Its alarm is used up by a turn that began before it was due.
          loop.callAt(due, () => {});
          loop.callAt(due + apart, () => second.setResult());
          const busy = () => {
            if (loop.time() < due + busyAfter) loop.callSoon(busy);
          };
          const wait = () => {
            if (loop.time() < due - busyBefore) setImmediate(wait);
            else loop.callSoon(busy);
          };
          setImmediate(wait);
          const forgotten = setTimeout(() => loop.stop(), patience);
          await second;
          clearTimeout(forgotten);
        }
        await sleep(0);
      }, kind.options),
  );
}

assert.ok(busyBefore + busyAfter < 1, 'a turn of the host’s is over after a millisecond');

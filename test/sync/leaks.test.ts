import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { type Future, gather } from '../../src/coroutines/index.ts';
import { TimeoutError } from '../../src/interface/index.ts';
import {
  Barrier,
  Condition,
  Event,
  Lock,
  openMemoryChannel,
  Queue,
  RateLimiter,
  Semaphore,
} from '../../src/sync/index.ts';
import { thrown } from '../coroutines/spellings.ts';
import { cheap, dear, leavesNothing, type RoundCounts } from '../support/leaks.ts';

/** Something that is waited for in vain. */
interface Wait {
  begin(): Future<unknown>;
  /** What waits is shown in the text of. */
  readonly of: object;
}

function queue(items: number): Queue<number> {
  const made = new Queue<number>(1);
  for (let item = 0; item < items; item++) made.putNowait(item);
  return made;
}

const waits: Record<string, () => Wait> = {
  'a lock': () => {
    const lock = new Lock();
    lock.acquire();
    return { begin: () => lock.acquire(), of: lock };
  },
  'a lock to be held': () => {
    const lock = new Lock();
    lock.acquire();
    return { begin: () => lock.hold(), of: lock };
  },
  'an event': () => {
    const event = new Event();
    return { begin: () => event.wait(), of: event };
  },
  'a condition': () => {
    const condition = new Condition();
    condition.acquire();
    return {
      begin: () => {
        // A wait that was cancelled has the lock again.
        assert.equal(condition.locked(), true);
        return condition.wait();
      },
      of: condition,
    };
  },
  'a semaphore': () => {
    const semaphore = new Semaphore(0);
    return { begin: () => semaphore.acquire(), of: semaphore };
  },
  'a barrier': () => {
    const barrier = new Barrier(1000);
    return { begin: () => barrier.wait(), of: barrier };
  },
  'an item': () => {
    const empty = queue(0);
    return { begin: () => empty.get(), of: empty };
  },
  'room for an item': () => {
    const full = queue(1);
    return { begin: () => full.put(2), of: full };
  },
  'the end of the work on a queue': () => {
    const busy = queue(1);
    return { begin: () => busy.join(), of: busy };
  },
  'a value from a channel': () => {
    const { receiver } = openMemoryChannel<number>(0);
    return { begin: () => receiver.receive(), of: receiver };
  },
  'somebody to send a value to': () => {
    const { sender } = openMemoryChannel<number>(0);
    return { begin: () => sender.send(1), of: sender };
  },
  'tokens of a rate limiter': () => {
    const limiter = new RateLimiter({ limit: 1, interval: 3_600_000 });
    limiter.acquire();
    return { begin: () => limiter.acquire(), of: limiter };
  },
};

/** No task has a part in it: the spelling makes no difference. */
const once: RoundCounts = { ...cheap, await: 0 };

describe('nothing is left of waits that are cancelled', () => {
  for (const [name, prepare] of Object.entries(waits)) {
    leavesNothing(`for ${name}`, once, () => {
      const { begin, of } = prepare();
      const before = String(of);
      let turn = 0;
      return {
        *round() {
          begin().cancel();
          if (turn++ % 1000 === 0) yield;
        },
        check: () => assert.equal(String(of), before),
      };
    });
  }

  leavesNothing('with the task, for all of these at once', dear, (spelled) => {
    const all = Object.values(waits).map((prepare) => prepare());
    const before = all.map(({ of }) => String(of));
    return {
      *round() {
        const waiting = spelled.timeout(0, function* () {
          yield gather(all.map(({ begin }) => begin()));
        });
        assert.ok((yield* thrown(waiting)) instanceof TimeoutError);
      },
      check: () =>
        assert.deepEqual(
          all.map(({ of }) => String(of)),
          before,
        ),
    };
  });
});

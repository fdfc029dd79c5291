import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  EpollPoller,
  KqueuePoller,
  type Poller,
  PollPoller,
  READABLE,
  SelectPoller,
  WRITABLE,
} from '../../src/selectors/index.ts';
import { isDarwin } from '../../src/syscalls/index.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { imitatedKqueue } from './imitated-kqueue.ts';
import { fill, OpenFiles, readByte, writeByte } from './open-files.ts';

const pairCount = 6;

type Step = {
  what: 'watch' | 'ignore' | 'arrive' | 'take' | 'fill' | 'hang up';
  which: number;
  interest: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('watch', 'watch', 'watch', 'ignore', 'arrive', 'take', 'fill', 'hang up'),
  which: fc.nat(pairCount - 1),
  interest: fc.constantFrom(READABLE, WRITABLE, READABLE | WRITABLE),
});

/** One end of a socket pair, which all pollers watch; what is done to it is remembered. */
interface Socket {
  near: number;
  far: number;
  interest: number;
  waiting: number;
  full: boolean;
  hungUp: boolean;
}

/** What every poller must say, by what was done. */
function expectedOf(sockets: readonly Socket[]): Record<number, number> {
  const expected: Record<number, number> = {};
  for (const { near, interest, waiting, full, hungUp } of sockets) {
    const readiness = (waiting > 0 || hungUp ? READABLE : 0) | (!full || hungUp ? WRITABLE : 0);
    if ((readiness & interest) !== 0) expected[near] = readiness & interest;
  }
  return expected;
}

function perform(
  { what, which, interest }: Step,
  sockets: Socket[],
  files: OpenFiles,
  pollers: Poller[],
): void {
  const socket = sockets[which] as Socket;
  if (what === 'watch') {
    for (const poller of pollers) {
      if (socket.interest === 0) poller.register(socket.near, interest);
      else poller.modify(socket.near, interest);
    }
    socket.interest = interest;
  } else if (what === 'ignore') {
    for (const poller of pollers) poller.unregister(socket.near);
    socket.interest = 0;
  } else if (what === 'take') {
    if (socket.waiting === 0) return;
    readByte(socket.near);
    socket.waiting--;
  } else if (!socket.hungUp) {
    if (what === 'arrive') {
      writeByte(socket.far);
      socket.waiting++;
    } else if (what === 'fill') {
      fill(socket.near);
      socket.full = true;
    } else {
      files.close(socket.far);
      socket.hungUp = true;
    }
  }
}

describe('all pollers', () => {
  it('say the same, and ring when they have something to say, whatever is done', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(20), (steps, embeddedAfter) => {
        using files = new OpenFiles();
        const pollers: Poller[] = isDarwin
          ? [new PollPoller(), new SelectPoller(), new KqueuePoller()]
          : [new PollPoller(), new SelectPoller(), new EpollPoller(), new KqueuePoller(imitatedKqueue())];
        const host = new PollPoller();
        const sockets = Array.from({ length: pairCount }, (): Socket => {
          const [near, far] = files.socketPair();
          return { near, far, interest: 0, waiting: 0, full: false, hungUp: false };
        });
        try {
          for (const [index, next] of steps.entries()) {
            perform(next, sockets, files, pollers);
            if (index === embeddedAfter)
              for (const poller of pollers) host.register(poller.descriptor, READABLE);
            const expected = expectedOf(sockets);
            for (const poller of pollers) assert.deepEqual(answer(poller, sockets), expected, poller.name);
            if (index < embeddedAfter) continue;
            const ringing = Object.keys(expected).length > 0 ? pollers.length : 0;
            assert.equal(host.wait(0), ringing);
          }
        } finally {
          for (const poller of [host, ...pollers]) poller.close();
        }
      }),
      propertyRuns(60),
    );
  });
});

function answer(poller: Poller, sockets: readonly Socket[]): Record<number, number> {
  const found: Record<number, number> = {};
  const count = poller.wait(0);
  for (let index = 0; index < count; index++) {
    const descriptor = poller.ready[index] as number;
    const interest = sockets.find(({ near }) => near === descriptor)?.interest ?? 0;
    // Error and hang-up may be told as more than was asked for; drivers and selectors look at what they asked.
    found[descriptor] = (poller.readyFor[index] as number) & interest;
  }
  return found;
}

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type EventLoop, type EventLoopPolicy, StateError } from '../../src/interface/index.ts';
import {
  attach,
  detach,
  getEventLoop,
  getRunningLoop,
  installPolicy,
  runningLoop,
  setEventLoop,
} from '../../src/loop/index.ts';

const fakeLoop = (closed = false) => ({ callSoon() {}, isClosed: () => closed }) as unknown as EventLoop;
const hasCode = (code: string) => (error: unknown) => error instanceof StateError && error.code === code;

describe('the current loop', () => {
  afterEach(() => {
    installPolicy(null);
    setEventLoop(null);
  });

  it('is none until it is set, and is never made behind the caller’s back (B-EV-023)', () => {
    assert.equal(runningLoop(), null);
    assert.throws(() => getEventLoop(), hasCode('ERR_NO_EVENT_LOOP'));
    assert.throws(() => getRunningLoop(), hasCode('ERR_NO_RUNNING_LOOP'));
  });

  it('is the one that was set, which does not run for that (B-EV-023)', () => {
    const loop = fakeLoop();
    setEventLoop(loop);
    assert.equal(getEventLoop(), loop);
    assert.throws(() => getRunningLoop(), StateError);
    setEventLoop(null);
    assert.throws(() => getEventLoop(), StateError);
  });

  it('must be a loop or null (B-EV-023)', () => {
    for (const wrong of [undefined, 'loop', 1, {}, () => {}]) {
      assert.throws(() => setEventLoop(wrong as unknown as EventLoop), TypeError);
    }
  });

  it('is asked of the policy where none runs (B-EV-023, B-EV-024)', () => {
    const loop = fakeLoop();
    const set: (EventLoop | null)[] = [];
    const policy: EventLoopPolicy = {
      getEventLoop: () => loop,
      setEventLoop: (next) => void set.push(next),
      newEventLoop: () => loop,
    };
    installPolicy(policy);
    assert.equal(getEventLoop(), loop);
    const other = fakeLoop();
    setEventLoop(other);
    assert.deepEqual(set, [other]);
    assert.equal(getEventLoop(), loop);
  });

  it('is the attached one, whatever was set (B-EV-024)', () => {
    const attached = fakeLoop();
    setEventLoop(fakeLoop());
    attach(attached);
    try {
      assert.equal(getRunningLoop(), attached);
      assert.equal(getEventLoop(), attached);
    } finally {
      detach(attached);
    }
    assert.throws(() => getRunningLoop(), StateError);
  });

  it('lets no second loop be attached, and is unchanged by the attempt (B-LOOP-013)', () => {
    const [one, two] = [fakeLoop(), fakeLoop()];
    attach(one);
    try {
      assert.throws(() => attach(two), /another loop is running in this thread/);
      assert.throws(() => attach(one), /already running/);
      assert.equal(getRunningLoop(), one);
      detach(two);
      assert.equal(getRunningLoop(), one);
    } finally {
      detach(one);
    }
  });
});

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Future } from '../../src/coroutines/index.ts';
import {
  type EventLoop as EventLoopInterface,
  type EventLoopPolicy,
  StateError,
} from '../../src/interface/index.ts';
import { getEventLoop, getRunningLoop, setEventLoop } from '../../src/loop/index.ts';
import {
  DefaultEventLoopPolicy,
  EventLoop,
  getEventLoopPolicy,
  newEventLoop,
  run,
  setEventLoopPolicy,
} from '../../src/runtime/index.ts';

class CountingPolicy extends DefaultEventLoopPolicy {
  made = 0;

  override newEventLoop(): EventLoopInterface {
    this.made++;
    return super.newEventLoop();
  }
}

describe('the event loop policy (B-EV-023)', () => {
  afterEach(() => {
    setEventLoopPolicy(null);
    setEventLoop(null);
  });

  it('is the default one until another is set, and again after null', () => {
    const first = getEventLoopPolicy();
    assert.ok(first instanceof DefaultEventLoopPolicy);
    const other = new CountingPolicy();
    setEventLoopPolicy(other);
    assert.equal(getEventLoopPolicy(), other);
    setEventLoopPolicy(null);
    assert.equal(getEventLoopPolicy(), first);
  });

  it('must be a policy or null', () => {
    for (const wrong of [undefined, {}, 'policy', 1, () => {}]) {
      assert.throws(() => setEventLoopPolicy(wrong as unknown as null), TypeError);
    }
  });

  it('by default gives the loop that was set, else throws, and makes none behind the caller’s back', () => {
    const policy = getEventLoopPolicy();
    assert.throws(() => policy.getEventLoop(), StateError);
    const loop = newEventLoop();
    policy.setEventLoop(loop);
    assert.equal(policy.getEventLoop(), loop);
    assert.equal(getEventLoop(), loop);
    setEventLoop(null);
    assert.throws(() => policy.getEventLoop(), StateError);
    assert.throws(() => policy.setEventLoop({} as EventLoopInterface), TypeError);
    loop.close();
  });

  it('makes new loops that are neither set nor running', () => {
    const policy = getEventLoopPolicy();
    const [one, other] = [policy.newEventLoop(), policy.newEventLoop()];
    assert.ok(one instanceof EventLoop);
    assert.notEqual(one, other);
    assert.equal(one.isRunning(), false);
    assert.throws(() => policy.getEventLoop(), StateError);
    one.close();
    other.close();
  });

  it('makes the loop that run uses, unless a driver or a factory is given', async () => {
    const policy = new CountingPolicy();
    setEventLoopPolicy(policy);
    await run(async () => {});
    assert.equal(policy.made, 1);
    await run(async () => {}, { driver: 'node' });
    await run(async () => {}, { loopFactory: () => newEventLoop() });
    assert.equal(policy.made, 1);
  });

  it('has no say inside a running loop (B-EV-024)', async () => {
    const set = newEventLoop();
    const foreign: EventLoopPolicy = {
      getEventLoop: () => set,
      setEventLoop: () => {},
      newEventLoop: () => newEventLoop(),
    };
    setEventLoopPolicy(foreign);
    assert.equal(getEventLoop(), set);
    assert.equal(new Future().getLoop(), set);
    await run(async () => {
      assert.notEqual(getRunningLoop(), set);
      assert.equal(getEventLoop(), getRunningLoop());
      assert.equal(new Future().getLoop(), getRunningLoop());
    });
    assert.equal(getEventLoop(), set);
    assert.throws(() => getRunningLoop(), StateError);
    set.close();
  });
});

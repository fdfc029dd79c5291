import assert from 'node:assert/strict';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { describe, it } from 'node:test';
import type { EventLoop } from '../../src/interface/index.ts';
import {
  GuestRunner,
  type Host,
  LoopTimerHandle,
  RepeatingTimerHandle,
  runningLoop,
  Scheduler,
} from '../../src/loop/index.ts';
import { queue, StubDriver, StubOwner } from './stub-driver.ts';

interface Alarm {
  readonly callback: () => void;
  readonly delay: number;
  ref: boolean;
}

/**
 * A host that does nothing by itself: the test says when it gets to its immediates and its alarm. As in Node, these run
 * in the async context in which they were asked for.
 */
class FakeHost implements Host {
  readonly prefersBlocking = false;
  immediates = new Set<{ callback: () => void }>();
  alarms = new Set<Alarm>();
  drains = 0;
  readonly drainMicrotasks: (() => void) | null = () => {
    this.drains++;
  };

  setImmediate(callback: () => void): unknown {
    const immediate = { callback: AsyncResource.bind(callback) };
    this.immediates.add(immediate);
    return immediate;
  }

  clearImmediate(immediate: unknown): void {
    this.immediates.delete(immediate as { callback: () => void });
  }

  watchDescriptor(): null {
    return null;
  }

  drainsHere(): boolean {
    return true;
  }

  setAlarm(callback: () => void, delay: number): unknown {
    const alarm = { callback: AsyncResource.bind(callback), delay, ref: true };
    this.alarms.add(alarm);
    return alarm;
  }

  clearAlarm(alarm: unknown): void {
    this.alarms.delete(alarm as Alarm);
  }

  refAlarm(alarm: unknown, ref: boolean): void {
    assert.ok(this.alarms.has(alarm as Alarm), 'an alarm that is gone was ref’d or unref’d');
    (alarm as Alarm).ref = ref;
  }

  /** The one alarm there is. */
  get alarm(): Alarm {
    assert.equal(this.alarms.size, 1);
    return [...this.alarms][0] as Alarm;
  }

  /** What would keep the host from ending. */
  get alive(): boolean {
    return this.immediates.size > 0 || [...this.alarms].some(({ ref }) => ref);
  }

  runImmediates(): void {
    for (const immediate of [...this.immediates]) {
      this.immediates.delete(immediate);
      immediate.callback();
    }
  }

  fireAlarm(): void {
    const { alarm } = this;
    this.alarms.delete(alarm);
    alarm.callback();
  }
}

const loop = { isClosed: () => false } as EventLoop;

function setUp(host = new FakeHost()) {
  const driver = new StubDriver();
  const owner = new StubOwner();
  const scheduler = new Scheduler(driver, owner, () => host.drainMicrotasks?.());
  const runner = new GuestRunner(scheduler, driver, loop, host);
  const log: string[] = [];
  const say = (text: string) => () => void log.push(text);
  const callAt = (when: number, callback: () => void) => {
    const timer = new LoopTimerHandle(scheduler, when, callback, []);
    scheduler.insertTimer(timer);
    return timer;
  };
  const hook = (hooks: Set<{ run(): void }>, run: () => void) => void hooks.add({ run });
  return { host, driver, owner, scheduler, runner, log, say, callAt, hook };
}

function started(host?: FakeHost) {
  const parts = setUp(host);
  parts.runner.start();
  return parts;
}

describe('GuestRunner', () => {
  it('asks the host for one immediate, however much is queued', () => {
    const { host, scheduler, log, say } = started();
    queue(scheduler, say('a'));
    queue(scheduler, say('b'));
    assert.equal(host.immediates.size, 1);
    host.runImmediates();
    assert.deepEqual(log, ['a', 'b']);
    assert.equal(host.alive, false);
  });

  it('turns what was queued and armed before it began', () => {
    const { host, driver, scheduler, runner, log, say, callAt } = setUp();
    queue(scheduler, say('queued'));
    callAt(1005, say('timer'));
    assert.equal(host.alive, false);
    runner.start();
    host.runImmediates();
    driver.time = 1005;
    host.fireAlarm();
    assert.deepEqual(log, ['queued', 'timer']);
    assert.equal(host.alive, false);
  });

  it('asks for an immediate again when a turn leaves something queued', () => {
    const { host, driver, scheduler, log, say } = started();
    let left = 100;
    const again = () => {
      driver.time += 0.5;
      if (left-- > 0) queue(scheduler, again);
      else say('end')();
    };
    queue(scheduler, again);
    let rounds = 0;
    for (; host.immediates.size > 0; rounds++) host.runImmediates();
    assert.deepEqual(log, ['end']);
    assert.ok(rounds > 1, 'the host never got its turn');
  });

  it('lets the host have its turn when its budget is spent, by time and not by turns', () => {
    const { host, driver, scheduler } = started();
    let turns = 0;
    const forEver = () => {
      turns++;
      driver.time += 0.01;
      queue(scheduler, forEver);
    };
    queue(scheduler, forEver);
    host.runImmediates();
    assert.ok(turns > 50 && turns < 200, `${turns} turns of 0.01 ms each`);
    assert.equal(host.immediates.size, 1);
  });

  it('makes one turn at a time where microtasks cannot be drained inside', () => {
    class Undrained extends FakeHost {
      override readonly drainMicrotasks = null;
    }
    const { host, scheduler, log, say } = started(new Undrained());
    queue(scheduler, () => queue(scheduler, say('second turn')));
    host.runImmediates();
    assert.deepEqual(log, []);
    host.runImmediates();
    assert.deepEqual(log, ['second turn']);
  });

  it('runs I/O at once, after what was queued before, in the same call', () => {
    const { scheduler, log, say } = started();
    queue(scheduler, say('queued'));
    scheduler.dispatch(say('I/O'), undefined);
    assert.deepEqual(log, ['queued', 'I/O']);
  });

  it('queues I/O that comes during a turn or a hook, and does not nest turns', () => {
    const { host, scheduler, log, say, hook } = started();
    const dispatch = (text: string) => () => {
      scheduler.dispatch(say(text), undefined);
      log.push(`${text} dispatched`);
    };
    hook(scheduler.check, dispatch('check'));
    hook(scheduler.prepare, dispatch('prepare'));
    queue(scheduler, dispatch('turn'));
    host.runImmediates();
    assert.deepEqual(log, ['check dispatched', 'turn dispatched', 'check', 'turn', 'prepare dispatched']);
    assert.equal(host.immediates.size, 1, 'what the prepare hook queued would be forgotten');
    scheduler.prepare.clear();
    scheduler.check.clear();
    host.runImmediates();
    assert.equal(log.at(-1), 'prepare');
  });

  it('calls check hooks before a turn and prepare hooks behind it', () => {
    const { host, scheduler, log, say, hook } = started();
    hook(scheduler.prepare, say('prepare'));
    hook(scheduler.check, say('check'));
    queue(scheduler, say('callback'));
    host.runImmediates();
    assert.deepEqual(log, ['check', 'callback', 'prepare']);
  });

  it('is the running loop during turns and hooks, and no longer', () => {
    const { host, scheduler, hook } = started();
    const seen: boolean[] = [];
    const look = () => void seen.push(runningLoop() === loop);
    hook(scheduler.check, look);
    hook(scheduler.prepare, look);
    queue(scheduler, look);
    host.runImmediates();
    assert.deepEqual(seen, [true, true, true]);
    assert.equal(runningLoop(), null);
  });

  describe('when something throws through a turn', () => {
    function broken() {
      const parts = started();
      parts.owner.callExceptionHandler = () => {
        throw new Error('of the handler');
      };
      queue(parts.scheduler, () => {
        throw new Error('of a callback');
      });
      return parts;
    }

    it('goes on in the next immediate and leaves no running loop behind', () => {
      const { host, scheduler, log, say, callAt } = broken();
      queue(scheduler, say('next'));
      callAt(2000, say('timer'));
      assert.throws(() => host.runImmediates(), /of the handler/);
      assert.equal(runningLoop(), null);
      assert.equal(host.immediates.size, 1, 'what is queued would never run');
      assert.equal(host.alarms.size, 1);
      host.runImmediates();
      assert.deepEqual(log, ['next']);
    });

    it('still stops if that was asked for', () => {
      const { host, scheduler, runner, log, say } = broken();
      const stop = () => runner.stop(say('stopped'));
      scheduler.enqueue({ run: stop });
      assert.throws(() => host.runImmediates(), /of the handler/);
      host.runImmediates();
      assert.deepEqual(log, ['stopped']);
    });
  });

  describe('with timers', () => {
    it('sets one alarm for the earliest timer, rounded up', () => {
      const { host, callAt } = started();
      callAt(1500, () => {});
      callAt(1010.25, () => {});
      callAt(3000, () => {});
      assert.equal(host.alarm.delay, 11);
    });

    it('keeps an alarm that is too early, and sets the right one when it rings', () => {
      const { host, driver, callAt } = started();
      const early = callAt(1010, () => {});
      callAt(1500, () => {});
      const { alarm } = host;
      early.cancel();
      assert.equal(host.alarm, alarm);
      driver.time = 1010;
      host.fireAlarm();
      assert.equal(host.alarm.delay, 490);
    });

    it('arms again when the host rings before the timer is due (B-UV-004)', () => {
      const { host, driver, log, say, callAt } = started();
      callAt(1010, say('timer'));
      driver.time = 1009.2;
      host.fireAlarm();
      assert.deepEqual(log, []);
      assert.equal(host.alarm.delay, 1);
      driver.time = 1010.2;
      host.fireAlarm();
      assert.deepEqual(log, ['timer']);
    });

    it('cuts delays that the host cannot take, and waits on when such an alarm rings', () => {
      const { host, driver, log, say, callAt } = started();
      const weeks = 2 ** 31 + 5000;
      callAt(1000 + weeks, say('timer'));
      assert.equal(host.alarm.delay, 2 ** 31 - 1);
      driver.time += 2 ** 31 - 1;
      host.fireAlarm();
      assert.deepEqual(log, []);
      assert.equal(host.alarm.delay, 5001);
      driver.time += 5001;
      host.fireAlarm();
      assert.deepEqual(log, ['timer']);
    });

    it('keeps the host alive for a timer that is never due', () => {
      const { host, driver, callAt } = started();
      const timer = callAt(Infinity, () => assert.fail('infinity has come'));
      assert.equal(host.alive, true);
      assert.equal(host.alarm.delay, 2 ** 31 - 1);
      driver.time = 1e12;
      host.fireAlarm();
      assert.equal(host.alive, true);
      callAt(1e12 + 5, () => {});
      assert.equal(host.alarm.delay, 5);
      driver.time = 1e12 + 5;
      host.fireAlarm();
      timer.cancel();
      assert.equal(host.alive, false);
    });

    it('turns at once for a timer that is due already, without an alarm', () => {
      const { host, log, say, callAt } = started();
      callAt(1000, say('now'));
      callAt(-Infinity, say('long ago'));
      assert.equal(host.alarms.size, 0);
      host.runImmediates();
      assert.deepEqual(log, ['long ago', 'now']);
      assert.equal(host.alive, false);
    });

    it('leaves the host free to end when every timer is unref’d', () => {
      const { host, callAt } = started();
      const first = callAt(1010, () => {});
      const second = callAt(1020, () => {});
      first.unref();
      assert.equal(host.alive, true);
      second.unref();
      assert.equal(host.alive, false);
      first.ref();
      assert.equal(host.alive, true);
      first.cancel();
      assert.equal(host.alive, false, 'a cancelled timer keeps the host alive');
      assert.equal(host.alarms.size, 1);
      second.cancel();
      assert.equal(host.alarms.size, 0);
    });

    it('does not keep the host alive by an unref’d timer that is due', () => {
      const { host, driver, log, say, callAt } = started();
      callAt(1001, say('unref’d')).unref();
      driver.time = 1001;
      host.fireAlarm();
      assert.deepEqual(log, ['unref’d']);
      callAt(1001, say('unref’d')).unref();
      host.runImmediates();
      assert.equal(host.alive, false);
    });

    it('sets a new alarm as unref’d if no timer keeps the host alive', () => {
      const { host, scheduler, callAt } = started();
      queue(scheduler, () => void callAt(1500, () => {}).unref());
      host.runImmediates();
      assert.equal(host.alarm.ref, false);
      callAt(1200, () => {}).unref();
      assert.equal(host.alarm.delay, 200);
      assert.equal(host.alive, false);
    });

    it('leaves each alarm that follows as unref’d as the one before', () => {
      const { host, driver, callAt } = started();
      for (const when of [1010, 1020, 1030]) callAt(when, () => {}).unref();
      for (const when of [1010, 1020]) {
        driver.time = when;
        host.fireAlarm();
        assert.equal(host.alarms.size, 1);
        assert.equal(host.alive, false);
      }
    });

    it('does not keep the host alive by an unref’d timer that is due again at once', () => {
      const { host, scheduler } = started();
      let calls = 0;
      const timer = new RepeatingTimerHandle(scheduler, 0, () => void calls++, []).unref();
      scheduler.insertTimer(timer);
      for (let i = 1; i <= 3; i++) {
        host.fireAlarm();
        assert.equal(calls, i);
        assert.equal(host.alive, false);
      }
    });
  });

  describe('when it is stopped', () => {
    it('leaves nothing in the host', () => {
      const { host, scheduler, runner, log, say, callAt } = started();
      queue(scheduler, say('queued'));
      callAt(1010, say('timer'));
      runner.stop(say('stopped'));
      assert.deepEqual(log, ['stopped']);
      assert.equal(host.immediates.size + host.alarms.size, 0);
    });

    it('finishes the turn, begins no other, and tells outside it (B-LOOP-009)', () => {
      const { host, driver, scheduler, runner, log, say, callAt } = started();
      callAt(1000, say('timer'));
      queue(scheduler, () => {
        queue(scheduler, say('next turn'));
        runner.stop(() => log.push(`stopped, running: ${runningLoop() !== null}`));
      });
      queue(scheduler, say('same turn'));
      host.runImmediates();
      assert.deepEqual(log, ['same turn', 'timer', 'stopped, running: false']);
      assert.equal(host.immediates.size + host.alarms.size, 0);
      driver.time = 5000;
      log.length = 0;
      runner.start();
      host.runImmediates();
      assert.deepEqual(log, ['next turn']);
    });

    it('keeps what is queued and armed meanwhile for the next start', () => {
      const { host, driver, scheduler, runner, log, say, callAt } = started();
      runner.stop(() => {});
      queue(scheduler, say('queued'));
      scheduler.dispatch(say('I/O'), undefined);
      callAt(1010, say('timer'));
      assert.equal(host.alive, false);
      runner.start();
      host.runImmediates();
      driver.time = 1010;
      host.fireAlarm();
      assert.deepEqual(log, ['queued', 'I/O', 'timer']);
    });

    it('may be started again by who is told', () => {
      const { host, scheduler, runner, log, say } = started();
      queue(scheduler, () => {
        queue(scheduler, say('next'));
        runner.stop(() => runner.start());
      });
      host.runImmediates();
      host.runImmediates();
      assert.deepEqual(log, ['next']);
    });
  });

  describe('and async context', () => {
    const storage = new AsyncLocalStorage<string>();

    it('runs callbacks in the context in which it was started, whoever wakes it', () => {
      const { host, driver, scheduler, runner, callAt } = setUp();
      const seen: (string | undefined)[] = [];
      const look = () => void seen.push(storage.getStore());
      storage.run('the run', () => runner.start());
      storage.run('a user', () => queue(scheduler, look));
      host.runImmediates();
      storage.run('a user', () => callAt(1001, look));
      driver.time = 1001;
      storage.run('the host', () => host.fireAlarm());
      storage.run('a socket', () => {
        queue(scheduler, look);
        scheduler.dispatch(() => {
          look();
          queue(scheduler, look);
          callAt(0, look);
        }, undefined);
        assert.equal(storage.getStore(), 'a socket');
      });
      host.runImmediates();
      assert.deepEqual(
        seen,
        Array.from({ length: 6 }, () => 'the run'),
      );
      assert.equal(storage.getStore(), undefined);
    });

    it('tells of the stop in that context, so that it can be started again in the same', () => {
      const { scheduler, runner } = setUp();
      const seen: (string | undefined)[] = [];
      storage.run('the run', () => runner.start());
      const stop = () =>
        runner.stop(() => {
          seen.push(storage.getStore());
          runner.start();
        });
      storage.run('a socket', () => scheduler.dispatch(stop, undefined));
      scheduler.dispatch(() => void seen.push(storage.getStore()), undefined);
      assert.deepEqual(seen, ['the run', 'the run']);
    });

    it('takes that context anew with each start', () => {
      const { runner, scheduler } = setUp();
      const seen: (string | undefined)[] = [];
      for (const store of ['first', 'second']) {
        storage.run(store, () => runner.start());
        scheduler.dispatch(() => void seen.push(storage.getStore()), undefined);
        runner.stop(() => {});
      }
      assert.deepEqual(seen, ['first', 'second']);
    });
  });

  it('turns once for who embeds the loop, hooks included, without a trace in the host', () => {
    const { host, scheduler, runner, log, say, hook } = setUp();
    hook(scheduler.prepare, say('prepare'));
    hook(scheduler.check, say('check'));
    queue(scheduler, () => {
      log.push(`callback, running: ${runningLoop() === loop}`);
      queue(scheduler, say('next turn'));
    });
    runner.turnOnce();
    assert.deepEqual(log, ['check', 'callback, running: true', 'prepare']);
    assert.equal(host.immediates.size, 0);
    assert.equal(runningLoop(), null);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoopTimerHandle, Scheduler } from '../../src/loop/index.ts';
import { queue, StubDriver, StubOwner } from './stub-driver.ts';

function setUp(drain: () => void = () => {}) {
  const driver = new StubDriver();
  const owner = new StubOwner();
  const scheduler = new Scheduler(driver, owner, drain);
  const log: string[] = [];
  const say = (text: string) => () => void log.push(text);
  const callAt = (when: number, callback: () => void) => {
    const timer = new LoopTimerHandle(scheduler, when, callback, []);
    scheduler.insertTimer(timer);
    return timer;
  };
  return { driver, owner, scheduler, log, say, callAt };
}

describe('Scheduler', () => {
  it('runs what was queued, then the I/O, then due timers (B-LOOP-004)', () => {
    const { scheduler, log, say, callAt } = setUp();
    callAt(999, say('timer'));
    queue(scheduler, say('queued 1'));
    queue(scheduler, say('queued 2'));
    scheduler.runTurn(say('I/O'), undefined);
    assert.deepEqual(log, ['queued 1', 'queued 2', 'I/O', 'timer']);
  });

  it('leaves to the next turn what is queued, arrives or comes due in this one (B-LOOP-004)', () => {
    const { driver, scheduler, log, say, callAt } = setUp();
    queue(scheduler, () => {
      queue(scheduler, say('queued in it'));
      scheduler.dispatch(say('I/O in it'), undefined);
      callAt(999, say('timer in it'));
      driver.time = 5000;
    });
    callAt(4000, say('timer that came due in it'));
    scheduler.runTurn();
    assert.deepEqual(log, []);
    scheduler.runTurn();
    assert.deepEqual(log, ['queued in it', 'I/O in it', 'timer in it', 'timer that came due in it']);
  });

  it('passes the argument of an I/O callback on', () => {
    const { scheduler } = setUp();
    const seen: number[] = [];
    scheduler.dispatch((argument: number) => seen.push(argument), 1);
    scheduler.runTurn((argument: number) => seen.push(argument), 2);
    assert.deepEqual(seen, [1, 2]);
  });

  it('drains microtasks after every callback, also after one that threw', () => {
    const { scheduler, owner, log, say, callAt } = setUp(() => say('drain')());
    queue(scheduler, say('a'));
    queue(scheduler, () => {
      throw new Error('b');
    });
    callAt(0, say('c'));
    scheduler.runTurn();
    assert.deepEqual(log, ['a', 'drain', 'drain', 'c', 'drain']);
    assert.equal(owner.reports.length, 1);
  });

  it('reports what a callback throws and goes on with the turn', () => {
    const { scheduler, owner, log, say } = setUp();
    const error = new Error('of the callback');
    queue(scheduler, () => {
      throw error;
    });
    queue(scheduler, say('next'));
    scheduler.runTurn();
    assert.deepEqual(log, ['next']);
    assert.equal(owner.reports[0]?.exception, error);
  });

  it('stays usable when even the report throws', () => {
    const { scheduler, owner, log, say } = setUp();
    owner.callExceptionHandler = () => {
      throw new Error('of the handler');
    };
    queue(scheduler, () => {
      throw new Error('of the callback');
    });
    queue(scheduler, say('next'));
    assert.throws(() => scheduler.runTurn(), /of the handler/);
    scheduler.runTurn();
    assert.deepEqual(log, ['next']);
  });

  it('tells its turner of what is queued and armed outside turns only', () => {
    const { scheduler, log, say, callAt } = setUp();
    scheduler.turner = {
      turnWanted: say('turn'),
      timersChanged: say('timers'),
      refsChanged: say('refs'),
      pollDescriptorChanged: say('descriptor'),
      turnNow: (callback, argument) => {
        log.push('now');
        scheduler.runTurn(callback, argument);
      },
    };
    queue(scheduler, () => {
      queue(scheduler, say('inner'));
      callAt(9999, say('never')).unref().cancel();
      scheduler.dispatch(say('inner I/O'), undefined);
    });
    callAt(9999, say('never')).unref().ref().cancel();
    assert.deepEqual(log.splice(0), ['turn', 'timers', 'timers', 'timers', 'timers']);
    scheduler.dispatch(say('I/O'), undefined);
    assert.deepEqual(log.splice(0), ['now', 'I/O']);
    scheduler.runTurn();
    assert.deepEqual(log, ['inner', 'inner I/O']);
  });

  it('says that dispatch would queue during a turn, during hooks, and while nobody turns it', () => {
    const { scheduler } = setUp();
    const seen: boolean[] = [];
    const look = { run: () => void seen.push(scheduler.inTurn) };
    look.run();
    scheduler.turner = {
      turnWanted() {},
      timersChanged() {},
      refsChanged() {},
      pollDescriptorChanged() {},
      turnNow() {},
    };
    look.run();
    scheduler.enqueue(look);
    scheduler.runTurn();
    scheduler.runHooks(new Set([look]));
    look.run();
    assert.deepEqual(seen, [true, false, true, true, false]);
  });

  it('keeps I/O that comes while nobody turns it for the next turn', () => {
    const { scheduler, log, say } = setUp();
    scheduler.dispatch(say('I/O'), undefined);
    assert.deepEqual(log, []);
    scheduler.runTurn();
    assert.deepEqual(log, ['I/O']);
  });

  it('counts the timers that keep the host alive, whatever becomes of them', () => {
    const { driver, scheduler, callAt } = setUp();
    const pending = [1, 2, 3].map((i) => callAt(2000 + i, () => {}));
    const [first, second, third] = pending as [LoopTimerHandle, LoopTimerHandle, LoopTimerHandle];
    assert.equal(scheduler.hasRefdTimers, true);
    first.unref().unref();
    second.cancel();
    second.unref();
    assert.equal(scheduler.hasRefdTimers, true);
    third.unref();
    assert.equal(scheduler.hasRefdTimers, false);
    first.ref();
    assert.equal(scheduler.hasRefdTimers, true);
    driver.time = 3000;
    scheduler.runTurn();
    first.unref().ref();
    assert.equal(scheduler.hasRefdTimers, false);
    assert.equal(scheduler.pendingTimers, 0);
    callAt(9999, () => {});
    scheduler.clear();
    assert.equal(scheduler.hasRefdTimers, false);
  });

  it('does not run a timer that is cancelled while it waits its turn in the queue', () => {
    const { scheduler, log, say, callAt } = setUp();
    const timer = callAt(1, say('timer'));
    queue(scheduler, () => timer.cancel());
    scheduler.runTurn();
    scheduler.runTurn();
    assert.deepEqual(log, []);
    assert.equal(timer.cancelled(), true);
  });

  it('forgets everything on clear, also in the middle of a turn', () => {
    const { scheduler, log, say, callAt } = setUp();
    const timer = callAt(5000, say('timer'));
    queue(scheduler, () => scheduler.clear());
    queue(scheduler, say('queued'));
    scheduler.runTurn();
    scheduler.runTurn();
    assert.deepEqual(log, []);
    assert.equal(scheduler.queued, 0);
    assert.equal(scheduler.earliestTimer, Infinity);
    timer.cancel(); // not in the heap any more, and must not be taken for another that is
  });

  it('runs the hooks there were when it began', () => {
    const { scheduler, log, say } = setUp();
    const hooks = new Set([{ run: say('first') }]);
    hooks.add({ run: () => void hooks.add({ run: say('added') }) });
    scheduler.runHooks(hooks);
    assert.deepEqual(log, ['first']);
    scheduler.runHooks(hooks);
    assert.deepEqual(log, ['first', 'first', 'added']);
  });

  describe('in debug mode', () => {
    class Named {
      readonly #name: string;
      readonly run: () => void;

      constructor(name: string, run: () => void) {
        this.#name = name;
        this.run = run;
      }

      toString(): string {
        return this.#name;
      }
    }

    function slow(duration: number) {
      const parts = setUp();
      parts.scheduler.debug = true;
      const work = () => {
        parts.driver.time += duration;
      };
      return { ...parts, work };
    }

    it('tells of callbacks that take as long as the limit (B-LOOP-022)', () => {
      const { scheduler, owner, work } = slow(100);
      scheduler.enqueue(new Named('the culprit', work));
      scheduler.runTurn();
      assert.deepEqual(owner.slow, ['the culprit 100']);
    });

    it('tells of no callback below the limit, and of none without debug mode (B-LOOP-022)', () => {
      const { scheduler, owner, work } = slow(99);
      queue(scheduler, work);
      scheduler.runTurn();
      scheduler.debug = false;
      queue(scheduler, work);
      queue(scheduler, work);
      scheduler.runTurn();
      assert.deepEqual(owner.slow, []);
    });

    it('names the class of what has no text form, or one that throws', () => {
      const { scheduler, owner, work } = slow(200);
      class Reaction {
        run = work;
      }
      class Throwing extends Reaction {
        override toString(): string {
          throw new Error('no text');
        }
      }
      scheduler.enqueue(new Reaction());
      scheduler.enqueue(new Throwing());
      scheduler.enqueue(Object.assign(Object.create(null), { run: work }));
      scheduler.runTurn();
      assert.deepEqual(owner.slow, ['<Reaction> 200', '<Throwing> 200', '<callback> 200']);
    });

    it('tells of slow hooks as well', () => {
      const { scheduler, owner, work } = slow(100);
      scheduler.runHooks(new Set([new Named('the hook', work)]));
      assert.deepEqual(owner.slow, ['the hook 100']);
    });

    it('counts the microtasks of a callback as part of it', () => {
      const { driver, owner, scheduler } = setUp(() => {
        driver.time += 150;
      });
      scheduler.debug = true;
      scheduler.enqueue(new Named('async', () => {}));
      scheduler.runTurn();
      assert.deepEqual(owner.slow, ['async 150']);
    });
  });
});

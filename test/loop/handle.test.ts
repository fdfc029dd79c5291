import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Context,
  ContextVar,
  LoopHandle,
  LoopTimerHandle,
  RepeatingTimerHandle,
  Scheduler,
} from '../../src/loop/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { StubDriver, StubOwner } from './stub-driver.ts';

function setUp() {
  const driver = new StubDriver();
  const owner = new StubOwner();
  const scheduler = new Scheduler(driver, owner, () => {});
  const log: unknown[] = [];
  const repeat = (interval: number, callback: () => void) => {
    const timer = new RepeatingTimerHandle(scheduler, interval, callback, []);
    scheduler.insertTimer(timer);
    return timer;
  };
  return { driver, owner, scheduler, log, repeat };
}

describe('LoopHandle', () => {
  it('calls back once with its arguments (B-LOOP-003)', () => {
    const { scheduler, log } = setUp();
    const handle = new LoopHandle(scheduler, (...args) => log.push(args), [1, 'two'], undefined);
    handle.run();
    handle.run();
    assert.deepEqual(log, [[1, 'two']]);
    assert.equal(handle.cancelled(), false);
  });

  it('is cancelled only by a cancel that comes before the call (B-UV-006)', () => {
    const { scheduler, log } = setUp();
    const handle = new LoopHandle(scheduler, () => log.push('called'), [], undefined);
    handle.cancel();
    handle.cancel();
    handle.run();
    assert.equal(handle.cancelled(), true);
    const late: LoopHandle = new LoopHandle(scheduler, () => late.cancel(), [], undefined);
    late.run();
    late.cancel();
    assert.equal(late.cancelled(), false);
    assert.deepEqual(log, []);
  });

  it('runs in the values of the context in which it was made, and keeps what it sets to itself', () => {
    const { scheduler, log } = setUp();
    const variable = new ContextVar('variable', { default: 'none' });
    const handles = ['a', 'b'].map((value) =>
      new Context().run(() => {
        variable.set(value);
        const read = () => {
          log.push(variable.get());
          variable.set('changed');
        };
        return new LoopHandle(scheduler, read, [], undefined);
      }),
    );
    for (const handle of handles) handle.run();
    assert.deepEqual(log, ['a', 'b']);
    assert.equal(variable.get(), 'none');
    assert.deepEqual(
      handles.map((handle) => handle.getContext().get(variable)),
      ['a', 'b'],
    );
  });

  it('runs in the very context it was given', () => {
    const { scheduler } = setUp();
    const variable = new ContextVar('variable', { default: 0 });
    const context = new Context();
    const increment = () => void variable.set(variable.get() + 1);
    const handles = [1, 2].map(() => new LoopHandle(scheduler, increment, [], context));
    for (const handle of handles) handle.run();
    assert.equal(context.get(variable), 2);
    assert.equal(handles[0]?.getContext(), context);
  });

  it('reports what the callback throws, with itself, its stack only in debug mode (B-LOOP-014)', () => {
    const { scheduler, owner } = setUp();
    const error = new Error('of the callback');
    function failing() {
      throw error;
    }
    const plain = new LoopHandle(scheduler, failing, [], undefined);
    plain.run();
    scheduler.debug = true;
    const traced = new LoopHandle(scheduler, failing, [], undefined);
    traced.run();
    assert.deepEqual(owner.reports[0], {
      message: 'Exception in callback failing',
      exception: error,
      handle: plain,
    });
    assert.match(owner.reports[1]?.sourceTrace ?? '', /^ +at .*handle\.test\.[jt]s/);
  });

  it('shows its callback by name, and after the call too in debug mode', () => {
    const { scheduler } = setUp();
    function named() {}
    const handle = new LoopHandle(scheduler, named, [], undefined);
    assert.equal(String(handle), '<LoopHandle named>');
    scheduler.debug = true;
    handle.run();
    assert.equal(String(handle), '<LoopHandle named>');
    const cancelled = new LoopHandle(scheduler, named, [], undefined);
    cancelled.cancel();
    assert.equal(String(cancelled), '<LoopHandle cancelled named>');
    assert.equal(String(new LoopHandle(scheduler, () => {}, [], undefined)), '<LoopHandle (anonymous)>');
  });

  it('leaves a stack trace that an application has made its own alone', () => {
    const { scheduler } = setUp();
    scheduler.debug = true;
    const { prepareStackTrace } = Error;
    Error.prepareStackTrace = (_error, frames) => frames.length;
    try {
      new LoopHandle(scheduler, () => {}, [], undefined).run();
    } finally {
      if (prepareStackTrace === undefined) delete (Error as Partial<ErrorConstructor>).prepareStackTrace;
      else Error.prepareStackTrace = prepareStackTrace;
    }
  });

  it('keeps callback and arguments alive until the call or the cancel, and no longer (B-UV-002)', async () => {
    const { scheduler } = setUp();
    const make = () => {
      const argument = {};
      const callback = () => {};
      const refs = [new WeakRef(argument), new WeakRef(callback)];
      return { handle: new LoopHandle(scheduler, callback, [argument], undefined), refs };
    };
    const [called, cancelled, pending] = [make(), make(), make()];
    called.handle.run();
    cancelled.handle.cancel();
    await collectGarbage();
    const collected = ({ refs }: { refs: WeakRef<object>[] }) => refs.map((ref) => ref.deref() === undefined);
    assert.deepEqual(collected(pending), [false, false]);
    assert.deepEqual(collected(called), [true, true]);
    assert.deepEqual(collected(cancelled), [true, true]);
    assert.equal([called, cancelled, pending].filter(({ handle }) => handle.cancelled()).length, 1);
  });
});

describe('LoopTimerHandle', () => {
  it('tells its due time also after it fired or was cancelled (B-UV-006)', () => {
    const { driver, scheduler } = setUp();
    const fired = new LoopTimerHandle(scheduler, 1001.5, () => {}, []);
    const cancelled = new LoopTimerHandle(scheduler, 1002.5, () => {}, []);
    scheduler.insertTimer(fired);
    scheduler.insertTimer(cancelled);
    cancelled.cancel();
    driver.time = 1010;
    scheduler.runTurn();
    assert.deepEqual([fired.when(), fired.cancelled()], [1001.5, false]);
    assert.deepEqual([cancelled.when(), cancelled.cancelled()], [1002.5, true]);
  });

  it('leaves the heap when it is cancelled, at once and once only (B-LOOP-007, B-LOOP-008)', () => {
    const { scheduler } = setUp();
    const timers = [5000, 4000, 3000].map((when) => new LoopTimerHandle(scheduler, when, () => {}, []));
    for (const timer of timers) scheduler.insertTimer(timer);
    timers[2]?.cancel();
    timers[2]?.cancel();
    assert.deepEqual([scheduler.pendingTimers, scheduler.earliestTimer], [2, 4000]);
  });
});

describe('RepeatingTimerHandle', () => {
  it('calls back one interval after each call has ended, until cancelled (B-T13-003)', () => {
    const { driver, scheduler, log, repeat } = setUp();
    const timer = repeat(10, () => {
      log.push(driver.time);
      driver.time += 3;
    });
    for (; driver.time < 1050; driver.time++) scheduler.runTurn();
    assert.deepEqual(log, [1010, 1023, 1036, 1049]);
    assert.equal(timer.when(), 1062);
    timer.cancel();
    assert.equal(scheduler.pendingTimers, 0);
    assert.equal(timer.cancelled(), true);
  });

  it('may be cancelled by its own callback (B-T13-003)', () => {
    const { driver, scheduler, log, repeat } = setUp();
    const timer = repeat(10, () => {
      log.push('called');
      timer.cancel();
    });
    driver.time = 2000;
    scheduler.runTurn();
    assert.deepEqual(log, ['called']);
    assert.equal(scheduler.pendingTimers, 0);
  });

  it('ends with an error, which is reported (B-T13-003)', () => {
    const { driver, scheduler, owner, repeat } = setUp();
    const timer = repeat(10, () => {
      throw new Error('of the callback');
    });
    driver.time = 2000;
    scheduler.runTurn();
    assert.equal(owner.reports.length, 1);
    assert.equal(timer.cancelled(), true);
    assert.equal(scheduler.pendingTimers, 0);
  });

  it('keeps its ref or unref from call to call', () => {
    const { driver, scheduler, repeat } = setUp();
    const timer = repeat(10, () => {});
    timer.unref();
    driver.time = 1010;
    scheduler.runTurn();
    assert.equal(scheduler.pendingTimers, 1);
    assert.equal(scheduler.hasRefdTimers, false);
    timer.ref();
    assert.equal(scheduler.hasRefdTimers, true);
    timer.cancel();
    assert.equal(scheduler.hasRefdTimers, false);
  });
});

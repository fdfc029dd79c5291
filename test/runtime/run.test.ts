import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  allTasks,
  coroutine,
  createTask,
  currentTask,
  Future,
  sleep,
  Task,
  wrapFuture,
} from '../../src/coroutines/index.ts';
import {
  CancelledError,
  type EventLoop as EventLoopInterface,
  type ExceptionContext,
  type Executor,
  isCancellation,
  StateError,
  type Suspension,
} from '../../src/interface/index.ts';
import { Context, ContextVar, getRunningLoop, runningLoop } from '../../src/loop/index.ts';
import { type EventLoop, newEventLoop, Runner, run } from '../../src/runtime/index.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;

const far = 3_600_000;
const hasCode = (code: string) => (error: unknown) => error instanceof StateError && error.code === code;

/** A loop whose reports are kept. */
function reportingLoop(): { loop: EventLoop; reports: ExceptionContext[] } {
  const loop = newEventLoop();
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  return { loop, reports };
}

describe('run', () => {
  it('resolves to the result of main, however it is written (B-RUN-001, B-RUN-002)', async () => {
    function* generator(): Steps<string> {
      yield;
      return 'generator';
    }
    const asCoroutine = coroutine(generator);
    assert.equal(await run(generator), 'generator');
    assert.equal(await run(generator()), 'generator');
    assert.equal(await run(asCoroutine), 'generator');
    assert.equal(await run(asCoroutine()), 'generator');
    assert.equal(await run(async () => 'async'), 'async');
    assert.equal(await run(() => Promise.resolve('function')), 'function');
    assert.equal(await run(Promise.resolve('promise')), 'promise');
    assert.equal(
      await run({ then: (resolve: (value: string) => void) => resolve('thenable') } as never),
      'thenable',
    );
  });

  it('takes a future of the loop it makes, also one that is done (B-RUN-002)', async () => {
    const loop = newEventLoop();
    const future = new Future<string>({ loop });
    loop.callSoon(() => future.setResult('settled later'));
    assert.equal(await run(future, { loopFactory: () => loop }), 'settled later');
    const done = newEventLoop();
    const settled = new Future<string>({ loop: done });
    settled.setResult('settled before');
    assert.equal(await run(settled, { loopFactory: () => done }), 'settled before');
  });

  it('rejects with the error of main, the very same (B-RUN-001)', async () => {
    const error = new RangeError('of main');
    const mains = [
      function* (): Steps {
        yield;
        throw error;
      },
      // biome-ignore lint/correctness/useYield: it fails at once
      function* (): Steps {
        throw error;
      },
      async () => {
        throw error;
      },
      () => {
        throw error;
      },
      async () => {
        await sleep(0);
        throw error;
      },
    ];
    for (const main of mains) await assert.rejects(run(main), (thrown) => thrown === error);
    await assert.rejects(run(Promise.reject(error)), (thrown) => thrown === error);
  });

  it('does not report the error of main as well', async () => {
    const { loop, reports } = reportingLoop();
    const ended = run(
      function* (): Steps {
        yield;
        throw new Error('of main');
      },
      { loopFactory: () => loop },
    );
    await assert.rejects(ended, /of main/);
    assert.deepEqual(reports, []);
  });

  it('rejects with the cancellation of a main that is cancelled', async () => {
    await assert.rejects(
      run(function* () {
        currentTask()?.cancel('enough');
        yield* sleep(far);
      }),
      (error) => error instanceof CancelledError && error.reason === 'enough',
    );
  });

  it('closes its loop in every case (B-RUN-001)', async () => {
    const loops: EventLoopInterface[] = [];
    const keep = () => void loops.push(getRunningLoop());
    await run(async () => keep());
    await assert.rejects(
      run(async () => {
        keep();
        throw new Error('of main');
      }),
    );
    await assert.rejects(
      run(async () => {
        keep();
        getRunningLoop().stop();
        await sleep(far);
      }),
      hasCode('ERR_LOOP_STOPPED'),
    );
    assert.deepEqual(
      loops.map((loop) => loop.isClosed()),
      [true, true, true],
    );
    assert.equal(runningLoop(), null);
  });

  it('rejects what cannot be run with a TypeError (B-RUN-002, B-LOOP-011)', async () => {
    for (const wrong of [undefined, null, 1, 'main', {}, [], Symbol('main'), new Map()]) {
      await assert.rejects(run(wrong as never), TypeError);
    }
    for (const returned of [undefined, 1, {}])
      await assert.rejects(run((() => returned) as never), TypeError);
    assert.equal(runningLoop(), null);
  });

  it('rejects a future of another loop with a RangeError (B-LOOP-011)', async () => {
    const loop = newEventLoop();
    await assert.rejects(run(new Future({ loop })), RangeError);
    loop.close();
  });

  it('is refused inside a running loop, makes no loop for that, and the outer run goes on (B-RUN-003)', async () => {
    let made = 0;
    const loopFactory = () => {
      made++;
      return newEventLoop();
    };
    let ran = false;
    const inner = async () => {
      ran = true;
    };
    const result = await run(async () => {
      await assert.rejects(run(inner, { loopFactory }), hasCode('ERR_LOOP_RUNNING'));
      await sleep(0);
      await new Promise<void>((resolve, reject) => {
        setTimeout(() => {
          assert.rejects(run(inner, { loopFactory }), hasCode('ERR_LOOP_RUNNING')).then(resolve, reject);
        }, 0);
      });
      return 'goes on';
    });
    assert.deepEqual([result, made, ran], ['goes on', 0, false]);
  });

  it('is refused while another one runs, which is not disturbed (B-RUN-003)', async () => {
    const first = run(function* () {
      yield* sleep(5);
      return 'first';
    });
    await assert.rejects(
      run(async () => 'second'),
      hasCode('ERR_LOOP_RUNNING'),
    );
    assert.equal(await first, 'first');
    assert.equal(await run(async () => 'third'), 'third');
  });

  it('leaves no moment between main and the closing of the loop in which another could begin', async () => {
    const log: string[] = [];
    let second: Promise<string> | null = null;
    const first = run(
      function* () {
        const loop = getRunningLoop();
        const received = loop.createFuture<void>();
        loop.addSignalHandler('SIGWINCH', () => received.setResult());
        loop.createTask(function* () {
          try {
            yield* sleep(far);
          } finally {
            log.push('left-over task cancelled');
          }
        });
        setImmediate(() => {
          // The turns in which main ends are made inside this call.
          process.emit('SIGWINCH', 'SIGWINCH');
          log.push(`running: ${loop.isRunning()}`);
          second = run(async () => 'second');
          second.catch(() => {});
        });
        yield* received;
        log.push('main is done');
        return 'first';
        // Whose signals are the host's own events.
      },
      { driver: 'node' },
    );
    assert.equal(await first, 'first');
    assert.deepEqual(log, ['main is done', 'running: true', 'left-over task cancelled']);
    await assert.rejects(async () => second, hasCode('ERR_LOOP_RUNNING'));
  });

  it('works one after the other, and from wherever the host calls', async () => {
    const main = async () => {
      await sleep(0);
      return getRunningLoop();
    };
    const loops = [await run(main), await run(main)];
    loops.push(
      await new Promise<EventLoopInterface>((resolve, reject) =>
        setTimeout(() => run(main).then(resolve, reject), 0),
      ),
    );
    loops.push(
      await new Promise<EventLoopInterface>((resolve, reject) =>
        setImmediate(() => run(main).then(resolve, reject)),
      ),
    );
    loops.push(
      await new Promise<EventLoopInterface>((resolve, reject) =>
        process.nextTick(() => run(main).then(resolve, reject)),
      ),
    );
    loops.push(
      await new Promise<EventLoopInterface>((resolve, reject) =>
        queueMicrotask(() => run(main).then(resolve, reject)),
      ),
    );
    loops.push(await Promise.resolve().then(() => run(main)));
    assert.equal(new Set(loops).size, loops.length);
  });

  it('may begin the moment the one before has ended', async () => {
    const log: string[] = [];
    await run(async () => void log.push('first')).then(() => run(async () => void log.push('second')));
    await assert
      .rejects(
        run(async () => {
          throw new Error('third');
        }),
      )
      .then(() => run(async () => void log.push('fourth')));
    assert.deepEqual(log, ['first', 'second', 'fourth']);
  });

  it('cancels the tasks that are left, and waits for them (B-RUN-004)', async () => {
    const log: string[] = [];
    await run(function* () {
      createTask(function* () {
        try {
          yield* sleep(far);
        } catch (error) {
          log.push(`cancelled: ${isCancellation(error) && String(error.reason)}`);
          throw error;
        } finally {
          yield* sleep(0);
          log.push('cleaned up');
        }
      });
      createTask(async () => {
        try {
          await sleep(far);
        } finally {
          await sleep(0);
          log.push('cleaned up, async');
        }
      });
      yield* sleep(0);
    });
    assert.equal(log[0], 'cancelled: the run has ended');
    assert.deepEqual(log.slice(1).sort(), ['cleaned up', 'cleaned up, async']);
  });

  it('cancels also the tasks that the clean-up of others starts (B-RUN-004)', async () => {
    const log: string[] = [];
    await run(function* () {
      createTask(function* () {
        try {
          yield* sleep(far);
        } finally {
          createTask(function* () {
            try {
              yield* sleep(far);
            } finally {
              log.push('second generation');
            }
          });
        }
      });
      yield* sleep(0);
    });
    assert.deepEqual(log, ['second generation']);
  });

  it('gives up on tasks that start others without end, and says so', async () => {
    const { loop, reports } = reportingLoop();
    function* undying(): Steps {
      try {
        yield* sleep(far);
      } finally {
        createTask(undying);
      }
    }
    await run(
      function* () {
        createTask(undying);
        yield* sleep(0);
      },
      { loopFactory: () => loop },
    );
    assert.equal(reports.length, 1);
    assert.ok(reports[0]?.task instanceof Task);
    assert.equal(loop.isClosed(), true);
  });

  it('reports once what a left-over task fails with (B-RUN-004)', async () => {
    const { loop, reports } = reportingLoop();
    const error = new Error('of the clean-up');
    const result = await run(
      function* () {
        createTask(function* () {
          try {
            yield* sleep(far);
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: what a failing clean-up does
            throw error;
          }
        });
        yield* sleep(0);
        return 'of main';
      },
      { loopFactory: () => loop },
    );
    assert.equal(result, 'of main');
    assert.deepEqual(
      reports.map(({ exception }) => exception),
      [error],
    );
  });

  it('has an error of main go before one of closing, which is reported (B-RUN-001)', async () => {
    const { loop, reports } = reportingLoop();
    const ofClosing = new Error('of the executor');
    const executor: Executor = {
      submit: () => assert.fail('submitted'),
      shutdown: () => Promise.reject(ofClosing),
    };
    const main = (error: Error | null) => async () => {
      getRunningLoop().setDefaultExecutor(executor);
      if (error !== null) throw error;
    };
    await assert.rejects(run(main(new Error('of main')), { loopFactory: () => loop }), /of main/);
    assert.deepEqual(
      reports.map(({ exception }) => exception),
      [ofClosing],
    );
    await assert.rejects(run(main(null)), (error) => error === ofClosing);
  });

  it('shuts down the default executor after the tasks (B-RUN-004)', async () => {
    const log: string[] = [];
    const executor: Executor = {
      submit: () => assert.fail('submitted'),
      shutdown: async (options) => {
        await new Promise<void>((resolve) => setImmediate(resolve));
        log.push(`executor, wait: ${options?.wait}`);
      },
    };
    await run(function* () {
      getRunningLoop().setDefaultExecutor(executor);
      createTask(function* () {
        try {
          yield* sleep(far);
        } finally {
          log.push('task');
        }
      });
      yield* sleep(0);
    });
    assert.deepEqual(log, ['task', 'executor, wait: true']);
  });

  it('leaves an async generator that is not finished where it stands (B-RUN-006, B-LOOP-026, B-UV-008)', async () => {
    const log: string[] = [];
    async function* numbers() {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        log.push('closed');
      }
    }
    const generator = numbers();
    const first = await run(async () => (await generator.next()).value);
    assert.deepEqual([first, log], [0, []]);
    await generator.return();
    assert.deepEqual(log, ['closed']);
  });

  it('switches debug mode on, off, or leaves it to the environment (B-RUN-007)', async () => {
    const seen = async (debug?: boolean) => run(async () => getRunningLoop().getDebug(), { debug });
    const before = process.env['TULIPA_DEBUG'];
    try {
      delete process.env['TULIPA_DEBUG'];
      assert.deepEqual([await seen(true), await seen(false), await seen()], [true, false, false]);
      process.env['TULIPA_DEBUG'] = '1';
      assert.deepEqual([await seen(true), await seen(false), await seen()], [true, false, true]);
      process.env['TULIPA_DEBUG'] = '';
      assert.equal(await seen(), false);
    } finally {
      if (before === undefined) delete process.env['TULIPA_DEBUG'];
      else process.env['TULIPA_DEBUG'] = before;
    }
  });

  it('calls a loop factory once, without arguments, and uses its loop (B-RUN-008)', async () => {
    const loop = newEventLoop();
    const calls: unknown[][] = [];
    const loopFactory = (...args: unknown[]) => {
      calls.push(args);
      return loop;
    };
    assert.equal(await run(async () => getRunningLoop(), { loopFactory }), loop);
    assert.deepEqual(calls, [[]]);
    assert.equal(loop.isClosed(), true);
  });

  it('rejects when the loop factory throws or gives no loop of this library (B-RUN-008, B-UV-037)', async () => {
    const failing = () => {
      throw new Error('of the factory');
    };
    await assert.rejects(
      run(async () => {}, { loopFactory: failing }),
      /of the factory/,
    );
    for (const wrong of [undefined, {}, null]) {
      await assert.rejects(
        run(async () => {}, { loopFactory: () => wrong as never }),
        TypeError,
      );
    }
    assert.equal(runningLoop(), null);
  });

  it('rejects a driver that there is not', async () => {
    await assert.rejects(
      run(async () => {}, { driver: 'abacus' }),
      RangeError,
    );
  });

  it('stops for stop with an error, unless main has ended in the same turn (B-LOOP-009)', async () => {
    const { loop, reports } = reportingLoop();
    const stopped = run(
      function* () {
        getRunningLoop().stop();
        yield* sleep(far);
      },
      { loopFactory: () => loop },
    );
    await assert.rejects(stopped, hasCode('ERR_LOOP_STOPPED'));
    assert.deepEqual(reports, []);
    const inTime = run(async () => {
      getRunningLoop().stop();
      return 'in time';
    });
    assert.equal(await inTime, 'in time');
    const failed = run(async () => {
      getRunningLoop().stop();
      throw new Error('in time');
    });
    await assert.rejects(failed, /in time/);
  });

  it('reports what main fails with after a stop', async () => {
    const { loop, reports } = reportingLoop();
    const stopped = run(
      function* () {
        getRunningLoop().stop();
        try {
          yield* sleep(far);
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what a failing clean-up does
          throw new Error('too late');
        }
      },
      { loopFactory: () => loop },
    );
    await assert.rejects(stopped, hasCode('ERR_LOOP_STOPPED'));
    assert.deepEqual(
      reports.map(({ exception }) => (exception as Error).message),
      ['too late'],
    );
  });

  it('starts main in a copy of the caller’s context', async () => {
    const variable = new ContextVar('variable', { default: 'none' });
    await new Context().run(async () => {
      variable.set('of the caller');
      const running = run(function* () {
        const seen = variable.get();
        variable.set('of main');
        yield;
        return seen;
      });
      assert.equal(variable.get(), 'of the caller');
      assert.equal(await running, 'of the caller');
    });
    assert.equal(variable.get(), 'none');
  });

  it('is not held up by microtasks of the host that go on and on beside it', async () => {
    const result = await run(function* () {
      let rounds = 0;
      const spin = async () => {
        for (; rounds < 1000; rounds++) await null;
      };
      void spin();
      yield* sleep(0);
      yield* wrapFuture(Promise.resolve());
      return rounds;
    });
    assert.equal(result, 1000);
  });
});

describe('Runner', () => {
  it('runs several mains on one loop and in one context (B-RUN-009)', async () => {
    const variable = new ContextVar('variable', { default: 0 });
    const runner = new Runner();
    const main = function* (): Steps<[EventLoopInterface, number]> {
      yield;
      variable.set(variable.get() + 1);
      return [getRunningLoop(), variable.get()];
    };
    const results = [
      await runner.run(main),
      await runner.run(main),
      await runner.run(async () => [getRunningLoop(), variable.get()]),
    ];
    assert.deepEqual(results, [
      [runner.getLoop(), 1],
      [runner.getLoop(), 2],
      [runner.getLoop(), 2],
    ]);
    assert.equal(variable.get(), 0);
    const other = new Context();
    other.run(() => variable.set(10));
    assert.deepEqual(await runner.run(main, { context: other }), [runner.getLoop(), 11]);
    assert.deepEqual(await runner.run(main), [runner.getLoop(), 3]);
    await runner.close();
  });

  it('makes its loop at the first use, once', async () => {
    let made = 0;
    const runner = new Runner({
      loopFactory: () => {
        made++;
        return newEventLoop();
      },
    });
    assert.equal(made, 0);
    const loop = runner.getLoop();
    assert.equal(runner.getLoop(), loop);
    assert.equal(await runner.run(async () => getRunningLoop()), loop);
    assert.equal(made, 1);
    await runner.close();
    assert.equal(loop.isClosed(), true);
  });

  it('is refused inside its own run and every other, and goes on (B-RUN-011)', async () => {
    const runner = new Runner();
    const other = new Runner();
    await runner.run(async () => {
      await assert.rejects(
        runner.run(async () => {}),
        hasCode('ERR_LOOP_RUNNING'),
      );
      await assert.rejects(
        other.run(async () => {}),
        hasCode('ERR_LOOP_RUNNING'),
      );
      await assert.rejects(runner.close(), hasCode('ERR_LOOP_RUNNING'));
      await sleep(0);
    });
    assert.equal(await runner.run(async () => 'again'), 'again');
    await runner.close();
    await other.close();
  });

  it('cannot be used once it is closed, which may be done twice', async () => {
    const runner = new Runner();
    await runner.run(async () => {});
    await runner.close();
    await runner.close();
    assert.throws(() => runner.getLoop(), hasCode('ERR_RUNNER_CLOSED'));
    await assert.rejects(
      runner.run(async () => {}),
      hasCode('ERR_RUNNER_CLOSED'),
    );
    const unused = new Runner();
    await unused.close();
    assert.throws(() => unused.getLoop(), hasCode('ERR_RUNNER_CLOSED'));
  });

  it('closes at the end of its block', async () => {
    let loop: EventLoopInterface;
    {
      await using runner = new Runner();
      loop = await runner.run(async () => getRunningLoop());
      assert.equal(loop.isClosed(), false);
    }
    assert.equal(loop.isClosed(), true);
  });

  it('lets left-over tasks go on in the next run, and cancels them when it is closed', async () => {
    const log: string[] = [];
    const runner = new Runner();
    await runner.run(function* () {
      createTask(function* () {
        try {
          for (let i = 0; ; i++) {
            log.push(`step ${i}`);
            yield* sleep(0);
          }
        } finally {
          log.push('cancelled');
        }
      });
      yield* sleep(0);
    });
    const steps = log.length;
    await new Promise<void>((resolve) => setImmediate(resolve));
    assert.equal(log.length, steps, 'a task went on between the runs');
    await runner.run(async () => {
      assert.equal(allTasks().size, 2);
      await sleep(0);
    });
    assert.ok(log.length > steps);
    assert.notEqual(log.at(-1), 'cancelled');
    await runner.close();
    assert.equal(log.at(-1), 'cancelled');
  });

  it('is not stopped early by a main of before that ends only now (B-LOOP-012)', async () => {
    const runner = new Runner();
    const loop = runner.getLoop();
    const wakeFirst = loop.createFuture<void>();
    let firstEnded = false;
    const first = runner.run(function* () {
      loop.callSoon(() => loop.stop());
      yield* wakeFirst;
      firstEnded = true;
    });
    await assert.rejects(first, hasCode('ERR_LOOP_STOPPED'));
    const second = await runner.run(function* () {
      wakeFirst.setResult();
      for (let i = 0; i < 5; i++) yield;
      return 'second';
    });
    assert.deepEqual([second, firstEnded], ['second', true]);
    await runner.close();
  });

  it('keeps working after a main that failed or was cancelled (B-LOOP-012)', async () => {
    const runner = new Runner();
    await assert.rejects(
      runner.run(async () => {
        throw new Error('of main');
      }),
    );
    await assert.rejects(
      runner.run(function* () {
        currentTask()?.cancel();
        yield;
        yield;
      }),
      CancelledError,
    );
    assert.equal(await runner.run(async () => 'works'), 'works');
    await runner.close();
  });

  it('runs what was queued on its loop between the runs', async () => {
    const runner = new Runner();
    const loop = runner.getLoop();
    const log: string[] = [];
    loop.callSoon(() => log.push('before the first run'));
    await runner.run(async () => {});
    loop.callSoon(() => log.push('between'));
    const rang = loop.createFuture<void>();
    loop.callLater(0, () => {
      log.push('timer');
      rang.setResult();
    });
    await runner.run(rang);
    assert.deepEqual(log, ['before the first run', 'between', 'timer']);
    await runner.close();
  });
});

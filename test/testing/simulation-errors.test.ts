import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTask, Future, sleep } from '../../src/coroutines/index.ts';
import { GroupError, type Suspension } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { run } from '../../src/runtime/index.ts';
import { type Simulation, SimulationError, simulate, type TaskBody } from '../../src/testing/index.ts';
import { failureOf } from './scenarios.ts';

async function simulationError(
  body: (sim: Simulation) => TaskBody<unknown>,
  options: Parameters<typeof failureOf>[1] = { seed: 5 },
): Promise<SimulationError> {
  const error = await failureOf(body, options);
  assert.ok(error instanceof SimulationError, String(error));
  return error;
}

/** What is told of, without its lines from the second on. */
function summary({ code, message, host, time, seed, cause }: SimulationError) {
  return [code, message.split('\n')[0], host, time, seed, cause === undefined ? null : String(cause)];
}

describe('errors in a simulation are never silent:', () => {
  it('the main of a host that fails, and nobody waits for it', async () => {
    const error = await simulationError(async (sim) => {
      sim.host('server', async () => {
        await sleep(10);
        throw new Error('boom');
      });
      await sleep(50);
    });
    assert.deepEqual(summary(error), [
      'ERR_HOST_FAILED',
      'The main of server failed: Error: boom',
      'server',
      10,
      5,
      'Error: boom',
    ]);
  });

  it('a callback that throws', async () => {
    const error = await simulationError(async (sim) => {
      sim.host('server', async ({ loop }) => {
        loop.callLater(10, function tick() {
          throw new Error('boom');
        });
        await sleep(50);
      });
      await sleep(50);
    });
    assert.deepEqual(summary(error), [
      'ERR_UNHANDLED',
      'Unhandled on server: Exception in callback tick: Error: boom',
      'server',
      10,
      5,
      'Error: boom',
    ]);
  });

  it('a task that fails, and nobody waits for it', async () => {
    const error = await simulationError(async () => {
      createTask(
        async () => {
          throw new Error('boom');
        },
        { name: 'child' },
      );
      await sleep(50);
    });
    assert.equal(error.code, 'ERR_UNHANDLED');
    assert.match(error.message, /on test: .*task child.*boom/);
  });

  it('a future that fails, and nobody ever looks at it', async () => {
    const looked: string[] = [];
    const error = await simulationError(async (sim) => {
      sim.host('server', async () => {
        new Future<void>().setException(new Error('boom'));
        const late = new Future<void>();
        late.setException(new Error('not lost'));
        await sleep(10);
        await late.catch((reason) => looked.push(String(reason)));
      });
      await sleep(50);
    });
    assert.deepEqual(looked, ['Error: not lost']);
    assert.deepEqual(summary(error), [
      'ERR_UNHANDLED',
      'Unhandled on server: Future exception was never retrieved: Error: boom',
      'server',
      10,
      5,
      'Error: boom',
    ]);
  });

  it('a simulation below a loop that owns the thread, which would never begin', async () => {
    const inside = run(async () => await simulate(async () => {}), {
      runner: 'blocking',
      driver: 'simulation',
    });
    await assert.rejects(
      inside,
      /^StateError: Cannot simulate: the event loop that runs here owns the thread/,
    );
  });

  it('a scenario that throws what is no error', async () => {
    for (const thrown of [null, undefined, 'text'])
      await assert.rejects(
        simulate(async () => {
          throw thrown;
        }),
        (error) => error === thrown,
      );
  });

  it('what is called back at a time', async () => {
    const error = await simulationError(async (sim) => {
      sim.at(10, () => {
        throw new Error('boom');
      });
      await sleep(50);
    });
    assert.deepEqual([error.code, error.time], ['ERR_UNHANDLED', 10]);
  });

  it('a rejected promise that nobody handles', async () => {
    const error = await simulationError(async (sim) => {
      sim.host('server', async () => {
        void Promise.reject(new Error('boom'));
        await sleep(50);
      });
      await sleep(50);
    });
    assert.deepEqual(summary(error), [
      'ERR_UNHANDLED',
      'A promise was rejected, and nobody handles that: Error: boom',
      'server',
      0,
      5,
      'Error: boom',
    ]);
  });

  it('a microtask that throws', async () => {
    const error = await simulationError(async () => {
      queueMicrotask(() => {
        throw new Error('boom');
      });
      await sleep(50);
    });
    assert.deepEqual([error.code, String(error.cause)], ['ERR_UNHANDLED', 'Error: boom']);
  });

  it('a condition that nobody waits for any more', async () => {
    const error = await simulationError(async (sim) => {
      void sim.eventually(() => false, { within: 10 });
      await sleep(50);
    });
    assert.deepEqual([error.code, error.time], ['ERR_UNHANDLED', 10]);
    assert.match(error.message, /\(\) => false/);
  });

  it('cleaning up that fails when the scenario has ended', async () => {
    const error = await simulationError(async (sim) => {
      sim.host('server', async () => {
        try {
          await new Future();
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: that is what is tried
          throw new Error('boom');
        }
      });
      await sleep(50);
    });
    assert.deepEqual(
      [error.code, error.host, String(error.cause)],
      ['ERR_UNHANDLED', 'server', 'Error: boom'],
    );
  });

  it('unless the program has a handler of its own', async () => {
    const told: unknown[] = [];
    await simulate(async (sim) => {
      const host = sim.host('server', async ({ loop }) => {
        assert.equal(loop.getExceptionHandler(), null);
        loop.setExceptionHandler((_loop, { exception }) => void told.push(String(exception)));
        loop.callSoon(() => {
          throw new Error('boom');
        });
        await sleep(50);
      });
      await host.finished;
    });
    assert.deepEqual(told, ['Error: boom']);
  });

  it('several at once are told together', async () => {
    const error = await failureOf(
      async () => {
        for (const what of ['one', 'two']) {
          getRunningLoop().callSoon(() => {
            throw new Error(what);
          });
        }
        await sleep(50);
      },
      { seed: 5 },
    );
    assert.ok(error instanceof GroupError);
    assert.match(error.message, /seed 5/);
    assert.deepEqual(
      error.errors.map((each) => String((each as Error).cause)),
      ['Error: one', 'Error: two'],
    );
  });

  it('what does not hold and always should, at once', async () => {
    let count = 0;
    const error = await simulationError(async (sim) => {
      sim.host('counting', async () => {
        for (;;) {
          await sleep(10);
          count++;
        }
      });
      sim.always(() => count < 3, 'it counts to two');
      await sleep(1000);
    });
    assert.deepEqual(summary(error), [
      'ERR_ALWAYS',
      'This did not hold: it counts to two',
      null,
      30,
      5,
      null,
    ]);
    assert.equal(count, 3);
  });

  it('a condition that throws and always should hold; it shows its source', async () => {
    const error = await simulationError(async (sim) => {
      sim.always(() => {
        if (sim.time > 5) throw new Error('boom');
        return true;
      });
      await sleep(10);
    });
    assert.match(
      error.message,
      /^This did not hold: \(\) => \{ if \(sim\.time > 5\).*: its condition threw Error: boom$/,
    );
    assert.equal(String(error.cause), 'Error: boom');
  });

  it('what does not hold from the start', async () => {
    const error = await simulationError(async (sim) => {
      sim.always(() => false, 'never');
      await sleep(10);
    });
    assert.deepEqual([error.code, error.time], ['ERR_ALWAYS', 0]);
  });
});

function* waitsFor(future: Future<void>): Generator<Suspension, void, unknown> {
  yield* future;
}

describe('a simulation that would never end', () => {
  it('fails when nothing can ever happen any more, and shows what waits', async () => {
    const scenario = async (sim: Simulation) => {
      sim.host('server', function* serve() {
        const never = new Future<void>();
        createTask(waitsFor(never), { name: 'child' });
        yield* sleep(100);
        yield* never;
      });
      sim.host('gone', async () => await sleep(5));
      sim.host('paused', async () => await sleep(50)).pause();
      sim.host('crashed', async () => await sleep(50)).crash();
      await sim.hosts.get('server')?.finished;
    };
    const error = await simulationError(scenario);
    assert.deepEqual([error.code, error.time, error.host], ['ERR_DEADLOCK', 100, null]);
    const lines = error.message.split('\n');
    assert.deepEqual(lines.slice(0, 4), [
      'Cannot finish the scenario: nothing can ever happen any more',
      'At 100 ms:',
      'test:',
      '  1 test: waits for FinishedFuture for 100 ms',
    ]);
    assert.equal(lines[4], 'server:');
    assert.match(
      lines[5] ?? '',
      /^ {2}1 server \(serve\): waits for future for 0 ms at .*simulation-errors\.test/,
    );
    assert.match(lines[6] ?? '', /^ {2}2 child \(waitsFor\): waits for future for 100 ms at /);
    assert.deepEqual(lines.slice(7), [
      'gone (ended)',
      'paused (paused):',
      '  1 paused: ready',
      'crashed (crashed)',
    ]);
    // The same text again, though other tasks were made before.
    assert.equal((await simulationError(scenario)).message, error.message);
  });

  it('says so if a task waits for a promise that may be something real', async () => {
    const error = await simulationError(async () => {
      createTask(async function helper() {
        await new Promise(() => {});
      });
      await new Future();
    });
    assert.match(
      error.message,
      /2 Task-1 waits for a promise that no host.* perhaps something real, which never comes$/,
    );
    const other = await simulationError(async () => {
      await Promise.race([new Promise(() => {})]);
    });
    assert.match(other.message, /1 test waits for a promise that no host/);
  });

  it('shows tasks that wait for each other in a circle', async () => {
    const error = await simulationError(async () => {
      const tasks: PromiseLike<void>[] = [];
      for (const other of [1, 0]) {
        tasks.push(
          createTask(async () => {
            await sleep(1);
            await tasks[other];
          }),
        );
      }
      await tasks[0];
    });
    assert.equal(error.code, 'ERR_DEADLOCK');
    assert.match(error.message, /circle/);
  });

  it('fails when turn follows turn and time stands still', async () => {
    const error = await simulationError(
      async (sim) => {
        sim.host('busy', function* spin() {
          for (;;) yield;
        });
        await sleep(50);
      },
      { turnsMax: 1000 },
    );
    assert.deepEqual([error.code, error.host, error.time], ['ERR_LIVELOCK', 'busy', 0]);
    assert.match(error.message, /after 1000 turns at 0 ms.* on busy\n {2}1 busy \(spin\): ready at /);
  });

  it('fails when it takes longer than it may', async () => {
    const error = await simulationError(
      async (sim) => {
        sim.host('beating', function* beat() {
          for (;;) yield* sleep(1000);
        });
        await new Future();
      },
      { timeMax: 10_000 },
    );
    assert.deepEqual([error.code, error.time], ['ERR_TIME_LIMIT', 10_000]);
    assert.match(error.message, /more than 10000 ms.*\nAt 10000 ms:\ntest:\n/);
  });

  it('is not taken for one that waits for a timer which was cancelled', async () => {
    const error = await simulationError(
      async () => {
        getRunningLoop()
          .callLater(5_000, () => {})
          .cancel();
        await new Future();
      },
      { timeMax: 1_000 },
    );
    assert.deepEqual([error.code, error.time], ['ERR_DEADLOCK', 0]);
  });

  it('fails when a program does not end with the scenario', async () => {
    const error = await simulationError(async (sim) => {
      sim.host('stubborn', async function stay() {
        for (;;) {
          try {
            await sleep(1e6);
          } catch {}
        }
      });
      await sleep(10);
    });
    assert.deepEqual([error.code, error.host, error.time], ['ERR_SHUTDOWN', 'stubborn', 60_010]);
    assert.match(error.message, /1 stubborn \(stay\): waits for .*\(cancelling\)/);
  });

  it('refuses executors, whose threads are real', async () => {
    await simulate(async ({ hosts }) => {
      const loop = hosts.get('test')?.loop;
      assert.throws(() => loop?.runInExecutor(null, () => 1), { code: 'ERR_NOT_SUPPORTED' });
    });
  });
});

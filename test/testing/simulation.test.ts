import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allTasks, createTask, Future, sleep } from '../../src/coroutines/index.ts';
import { ContextVar, getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';
import { type Simulation, simulate, Trace } from '../../src/testing/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { failureOf, scenario } from './scenarios.ts';

/** Of a task outside, the number in its name. */
function createdName(): number {
  const loop = newEventLoop();
  const task = loop.createTask(async () => {});
  loop.close();
  return Number(task.getName().replace('Task-', ''));
}

describe('a simulation', () => {
  it('resolves to what the scenario returns', async () => {
    assert.equal(await simulate(async () => 7), 7);
    // biome-ignore lint/correctness/useYield: it does not wait
    const returnsAtOnce = function* () {
      return 8;
    };
    assert.equal(await simulate(returnsAtOnce), 8);
  });

  it('rejects with what the scenario throws, as it is', async () => {
    const error = new Error('mine');
    assert.equal(
      await failureOf(async () => {
        await sleep(10);
        throw error;
      }),
      error,
    );
  });

  it('refuses what is no scenario, and options that make no sense', async () => {
    await assert.rejects(simulate(5 as never), TypeError);
    const nothing = async () => {};
    await assert.rejects(simulate(nothing, { seed: -1 }), RangeError);
    await assert.rejects(simulate(nothing, { order: 'some' as never }), RangeError);
    await assert.rejects(simulate(nothing, { turnsMax: 0 }), RangeError);
    await assert.rejects(simulate(nothing, { timeMax: Number.NaN }), RangeError);
    await assert.rejects(simulate(nothing, { link: { loss: 2 } }), RangeError);
  });

  scenario('has a day pass at once', function* (sim) {
    const before = performance.now();
    yield sleep(23 * 3_600_000);
    assert.equal(sim.time, 23 * 3_600_000);
    assert.equal(getRunningLoop().time(), sim.time);
    assert.ok(performance.now() - before < 10_000);
  });

  it('takes little for a retry of 40 minutes', async () => {
    const attempts = await simulate(async (sim) => {
      let count = 0;
      for (let delay = 1000; sim.time < 40 * 60_000; delay = Math.min(delay * 2, 30_000)) {
        count++;
        await sleep(delay);
      }
      return count;
    });
    assert.equal(attempts, 84);
  });

  it('is over within one callback of the host, so that nothing else comes in between', async () => {
    const log: string[] = [];
    const other = setInterval(() => log.push('host'), 0).unref();
    const simulated = async () => {
      for (let i = 0; i < 100; i++) {
        await sleep(1);
        log.push('simulation');
      }
    };
    await Promise.all([simulate(simulated), simulate(simulated)]);
    clearInterval(other);
    assert.equal(log.join(' ').replaceAll('host', '').trim().split(/ {2,}/).length <= 2, true);
    const first = log.indexOf('simulation');
    assert.deepEqual(new Set(log.slice(first, first + 100)), new Set(['simulation']));
  });

  it('runs what was queued before it, first', async () => {
    const log: string[] = [];
    const ended = simulate(async () => void log.push('simulation'));
    void Promise.resolve().then(() => log.push('microtask'));
    process.nextTick(() => log.push('tick'));
    await ended;
    assert.deepEqual([...log.slice(0, 2).sort(), log[2]], ['microtask', 'tick', 'simulation']);
  });

  it('can be awaited by a program on a real loop, of whose tasks it is none', async () => {
    await run(async () => {
      const outside = getRunningLoop();
      const inside = await simulate(async () => {
        await sleep(1000);
        return { loop: getRunningLoop(), tasks: allTasks().size };
      });
      assert.notEqual(inside.loop, outside);
      assert.equal(inside.tasks, 1);
      assert.equal(getRunningLoop(), outside);
      assert.equal(outside.isRunning(), true);
    });
  });

  it('inherits no context variables of who asks for it', async () => {
    const variable = new ContextVar<string>('name', { default: 'none' });
    await run(async () => {
      variable.set('outside');
      assert.equal(await simulate(async () => variable.get()), 'none');
    });
  });

  it('is refused inside another', async () => {
    const error = await failureOf(async () => await simulate(async () => 1));
    assert.equal((error as { code?: string }).code, 'ERR_NESTED_SIMULATION');
    assert.equal(await simulate(async () => 2), 2);
  });

  it('puts everything back when it fails', async () => {
    const listeners = () =>
      ['unhandledRejection', 'uncaughtException'].map((event) => process.rawListeners(event));
    const before = listeners();
    await failureOf(async () => await new Future());
    assert.deepEqual(listeners(), before);
    assert.throws(getRunningLoop, { code: 'ERR_NO_RUNNING_LOOP' });
    assert.equal(await simulate(async () => 2), 2);
  });

  it('does the same for the same seed, and something else for another', async () => {
    const course = async (seed: number) => {
      const trace = new Trace();
      await simulate(
        async (sim) => {
          const hosts = Array.from({ length: 5 }, (_, index) =>
            sim.host(`host-${index}`, async () => {
              for (let i = 0; i < 5; i++) await sleep(Math.floor(sim.random() * 4));
              sim.say(`${index} is done`);
            }),
          );
          for (const host of hosts) await host.finished;
        },
        { seed, trace },
      );
      return trace.toString();
    };
    const first = await course(1);
    assert.equal(await course(1), first);
    const others = await Promise.all([2, 3, 4].map(course));
    assert.equal(new Set([first, ...others]).size, 4);
  });

  it('chooses which host goes on, and, if asked, which task', async () => {
    const orders = async (order: 'queued' | 'any', tell: (sim: Simulation, log: string[]) => void) => {
      const seen = new Set<string>();
      for (let seed = 0; seed < 40; seed++) {
        const log: string[] = [];
        await simulate(
          async (sim) => {
            tell(sim, log);
            await sleep(10);
          },
          { seed, order },
        );
        seen.add(log.join(''));
      }
      return [...seen].sort();
    };
    const hosts = (sim: Simulation, log: string[]) => {
      for (const name of ['a', 'b']) sim.host(name, async () => void log.push(name));
    };
    const tasks = (_: Simulation, log: string[]) => {
      for (const name of ['a', 'b']) {
        // biome-ignore lint/correctness/useYield: it does not wait
        createTask(function* () {
          log.push(name);
        });
      }
    };
    assert.deepEqual(await orders('queued', hosts), ['ab', 'ba']);
    assert.deepEqual(await orders('queued', tasks), ['ab']);
    assert.deepEqual(await orders('any', tasks), ['ab', 'ba']);
  });

  it('gives each host random numbers of its own', async () => {
    const numbers = (also: boolean) =>
      simulate(
        async (sim) => {
          if (also) sim.host('other', async () => void sim.random());
          await sleep(1);
          return [sim.random(), sim.random()];
        },
        { seed: 3 },
      );
    const [one, two] = await numbers(false);
    assert.ok(one !== undefined && one >= 0 && one < 1 && one !== two);
    assert.deepEqual(await numbers(true), [one, two]);
  });

  it('names tasks as if there had been no other', async () => {
    const names = () => simulate(async () => createTask(sleep(1)).getName());
    const before = createdName();
    assert.deepEqual([await names(), await names()], ['Task-1', 'Task-1']);
    assert.equal(createdName(), before + 1);
  });

  it('has what overrules the seed asked for every choice', async () => {
    const asked: string[] = [];
    await simulate(
      async (sim) => {
        sim.random();
        sim.host('a', async () => {});
        sim.host('b', async () => {});
        await sleep(1);
      },
      {
        overruling: (choices, _index, _outcome) => {
          asked.push(choices.label);
          return 0;
        },
      },
    );
    assert.deepEqual(new Set(asked), new Set(['random on test', 'order of hosts']));
  });

  it('replaces the globals if asked, for each host by its own clock', async () => {
    const startOfTime = Date.UTC(2031, 5, 1);
    const realNow = Date.now;
    await simulate(
      async (sim) => {
        const host = sim.host(
          'ahead',
          async () => {
            await new Promise((resolve) => setTimeout(resolve, 100));
            return [Date.now() - startOfTime, sim.time];
          },
          { clock: { skew: 5000, rate: 2 } },
        );
        assert.equal(Date.now(), startOfTime);
        assert.deepEqual(await host.finished, [5100, 50]);
        assert.equal(Date.now(), startOfTime + 50);
      },
      { globals: true, startOfTime },
    );
    assert.equal(Date.now, realNow);
  });

  it('fails where something real is asked for', async () => {
    const error = await failureOf(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
    });
    assert.equal((error as { code?: string }).code, 'ERR_REAL_IO');
  });

  it('leaves nothing behind, however it ends', async () => {
    const rounds = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const fails = i % 100 === 0;
        const ended = simulate(
          async (sim) => {
            const host = sim.host('host', async () => await sleep(5));
            if (fails) await new Future();
            if (i % 3 === 0) sim.host('crashing', async () => await sleep(50)).crash();
            await host.finished;
          },
          { seed: i },
        );
        if (fails) await assert.rejects(ended, { code: 'ERR_DEADLOCK' });
        else await ended;
      }
    };
    const heap = async () => {
      await collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    await rounds(1000);
    const before = await heap();
    await rounds(10_000);
    const left = (await heap()) - before;
    // node:test remembers some 300 bytes of each; of a simulation, 10 000 would be left.
    assert.ok(left < 8 * 1024 * 1024, `${left} bytes are left of 10 000 simulations`);
  });
});

describe('time in a simulation', () => {
  scenario('calls back when told to, on the host of the scenario', function* (sim) {
    const log: unknown[] = [];
    const here = getRunningLoop();
    sim.at(30, () => log.push(sim.time, getRunningLoop() === here));
    sim.at(10, () => log.push(sim.time));
    sim.at(20, () => log.push('never')).cancel();
    sim.at(Infinity, () => log.push('never'));
    yield sleep(100);
    sim.at(50, () => log.push('late', sim.time));
    yield sleep(1);
    assert.deepEqual(log, [10, 30, true, 'late', 100]);
    assert.throws(() => sim.at(Number.NaN, () => {}), RangeError);
    assert.throws(() => sim.at(1, 5 as never), TypeError);
  });

  scenario('waits for a condition, and looks after every turn', function* (sim, main) {
    let count = 0;
    const counts = main(function* () {
      for (;;) {
        yield sleep(10);
        count++;
      }
    });
    sim.host('counting', counts);
    yield sim.eventually(() => count === 7);
    assert.equal(sim.time, 70);
    yield sim.eventually(() => true);
    assert.equal(sim.time, 70);
  });

  scenario('gives up on a condition, and shows it', function* (sim) {
    let error: unknown;
    try {
      yield sim.eventually(() => sim.time > 1e9, { within: 250 });
    } catch (caught) {
      error = caught;
    }
    assert.equal(sim.time, 250);
    assert.match(String(error), /TimeoutError: .*within 250 ms.*: \(\) => sim\.time > 1e9$/);
  });

  scenario('hands on what a condition throws, and refuses promises', function* (sim) {
    let broken = false;
    sim.at(5, () => {
      broken = true;
    });
    let error: unknown;
    try {
      yield sim.eventually(() => {
        if (broken) throw new Error('broken');
      });
    } catch (caught) {
      error = caught;
    }
    assert.equal(String(error), 'Error: broken');
    assert.throws(() => sim.eventually(async () => true), TypeError);
    assert.throws(() => sim.eventually(true as never), TypeError);
    assert.throws(() => sim.always(true as never), TypeError);
    assert.throws(() => sim.eventually(() => true, { within: -1 }), RangeError);
  });

  scenario('a wait for a condition can be cancelled, and leaves nothing', function* (sim, _main, spelled) {
    let looks = 0;
    const task = yield* spelled.started(function* () {
      yield sim.eventually(() => {
        looks++;
      });
    });
    task.cancel();
    yield sleep(1);
    const before = looks;
    yield sleep(1);
    assert.equal(looks, before);
  });

  scenario('what must always hold may end', function* (sim) {
    let holds = true;
    const invariant = sim.always(() => holds);
    yield sleep(1);
    invariant.cancel();
    holds = false;
    yield sleep(1);
  });
});

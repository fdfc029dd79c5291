import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allTasks, createTask, Future, sleep } from '../../src/coroutines/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { type HostState, SimulationError, simulate, Trace } from '../../src/testing/index.ts';
import { failureOf, scenario } from './scenarios.ts';

describe('a host of a simulation', () => {
  scenario('has a loop of its own, and no task of others', function* (sim, main) {
    const loops = new Set([getRunningLoop()]);
    const look = main(function* () {
      loops.add(getRunningLoop());
      yield sleep(1);
      loops.add(getRunningLoop());
      return allTasks().size;
    });
    const hosts = ['a', 'b'].map((name) => sim.host(name, look));
    assert.equal(sim.hosts.get('a'), hosts[0]);
    assert.deepEqual([...sim.hosts.keys()], ['test', 'a', 'b']);
    for (const host of hosts) assert.equal(yield host.finished, 1);
    assert.equal(loops.size, 3);
  });

  scenario('has a name, and addresses', function* (sim, main) {
    const host = sim.host(
      'server',
      main(function* () {}),
    );
    assert.equal(host.name, 'server');
    assert.match(host.addresses[0], /^10\.0\.\d+\.\d+$/);
    assert.match(host.addresses[1], /^fd00::/);
    assert.match(String(host), /<SimulatedHost server running>/);
    assert.throws(() => sim.host('server'), RangeError);
    assert.throws(() => sim.host('test'), RangeError);
    assert.throws(() => sim.host('no name'), RangeError);
    assert.throws(() => sim.host('localhost'), RangeError);
    yield host.finished;
  });

  scenario('is finished with what its main returns', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        yield sleep(5);
        return 'result';
      }),
    );
    assert.equal(host.state, 'running');
    assert.equal(yield host.finished, 'result');
    assert.equal(host.state, 'ended');
    assert.throws(() => host.loop, { code: 'ERR_HOST_STATE' });
    assert.equal(yield host.finished, 'result');
  });

  scenario('throws what its main throws to who waits for it', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        yield sleep(5);
        throw new Error('mine');
      }),
    );
    let error: unknown;
    try {
      yield host.finished;
    } catch (caught) {
      error = caught;
    }
    assert.equal(String(error), 'Error: mine');
  });

  scenario(
    'ends as run does: what is left is cancelled, and cleans up in simulated time',
    function* (sim, main, spelled) {
      const log: unknown[] = [];
      const host = sim.host(
        'a',
        main(function* () {
          yield* spelled.started(function* () {
            try {
              yield sleep(1_000_000);
            } finally {
              yield sleep(500);
              log.push(sim.time);
            }
          });
          return 1;
        }),
      );
      yield host.finished;
      assert.deepEqual(log, [500]);
      assert.equal(sim.time, 500);
    },
  );

  scenario('may stop its loop, which is an error as for run', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        getRunningLoop().stop();
        yield sleep(1);
      }),
    );
    let code: unknown;
    try {
      yield host.finished;
    } catch (caught) {
      ({ code } = caught as { code?: unknown });
    }
    assert.equal(code, 'ERR_LOOP_STOPPED');
  });

  scenario('can be made first and started later, and again', function* (sim, main) {
    const log: number[] = [];
    const host = sim.host('a');
    assert.equal(host.state, 'off');
    assert.throws(() => host.finished, { code: 'ERR_HOST_STATE' });
    assert.throws(() => host.start(), { code: 'ERR_HOST_STATE' });
    assert.throws(() => host.start(5 as never), TypeError);
    host.start(
      main(function* () {
        log.push(sim.time);
        yield sleep(5);
      }),
    );
    assert.throws(() => host.start(), { code: 'ERR_HOST_STATE' });
    yield host.finished;
    yield host.start().finished;
    assert.deepEqual(log, [0, 5]);
  });

  it('is ended with the scenario, as if it were cancelled', async () => {
    const log: unknown[] = [];
    await simulate(async (sim) => {
      sim.host('a', async () => {
        try {
          await new Future();
        } finally {
          await sleep(100);
          log.push('cleaned up', sim.time);
        }
      });
      createTask(async () => {
        try {
          await sleep(1e6);
        } finally {
          log.push('test too');
        }
      });
      sim.at(50, () => log.push('never'));
      await sleep(10);
    });
    assert.deepEqual(log, ['test too', 'cleaned up', 110]);
  });

  it('is not looked after any more when the scenario has ended', async () => {
    await simulate(async (sim) => {
      let alive = true;
      sim.host('a', async () => {
        try {
          await new Future();
        } finally {
          alive = false;
        }
      });
      sim.always(() => alive);
      await sleep(10);
    });
  });

  scenario('goes on in its own time when a promise of another wakes it', function* (sim) {
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const waiting = sim.host('waiting', async (host) => {
      await woken;
      assert.equal(getRunningLoop(), host.loop);
      await sleep(10);
      assert.equal(getRunningLoop(), host.loop);
      return sim.time;
    });
    sim.host('waking', async () => {
      await sleep(5);
      wake();
    });
    assert.equal(yield waiting.finished, 15);
  });
});

describe('a host that crashes', () => {
  scenario('runs nothing any more, no finally either, until it is started again', function* (sim, main) {
    const log: unknown[] = [];
    const host = sim.host(
      'a',
      main(function* () {
        log.push(`starts at ${sim.time}`);
        try {
          yield sleep(100);
          log.push(`ends at ${sim.time}`);
        } finally {
          log.push('finally');
        }
        return 'second';
      }),
    );
    const first = host.finished;
    yield sleep(10);
    host.crash();
    host.crash();
    assert.equal(host.state, 'crashed');
    yield sleep(1000);
    assert.deepEqual(log, ['starts at 0']);
    assert.equal(host.restart(), host);
    assert.equal(yield host.finished, 'second');
    assert.deepEqual(log, ['starts at 0', 'starts at 1010', 'ends at 1110', 'finally']);
    assert.ok(first.exception() instanceof SimulationError);
  });

  scenario('tells who waits for the end of its program', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        yield sleep(100);
      }),
    );
    sim.at(10, () => host.crash());
    let error: unknown;
    try {
      yield host.finished;
    } catch (caught) {
      error = caught;
    }
    assert.ok(error instanceof SimulationError);
    assert.deepEqual([error.code, error.host, error.time], ['ERR_HOST_DOWN', 'a', 10]);
  });

  scenario('keeps what is on its disk, and nothing else', function* (sim) {
    const host = sim.host('a', async ({ disk, loop }) => {
      const count = ((disk.get('count') as number | undefined) ?? 0) + 1;
      disk.set('count', count);
      await sleep(count === 3 ? 0 : 1e6);
      return [count, loop];
    });
    const { loop } = host;
    const { addresses } = host;
    yield sleep(1);
    host.restart();
    yield sleep(1);
    host.kill();
    host.start();
    const [count, last] = (yield host.finished) as [number, unknown];
    assert.equal(count, 3);
    assert.notEqual(last, loop);
    assert.deepEqual(host.addresses, addresses);
  });

  scenario('may crash by its own doing, in the middle of a turn', function* (sim, main) {
    const log: string[] = [];
    sim.host('a', (host) =>
      main(function* () {
        getRunningLoop().callSoon(() => log.push('queued'));
        host.crash();
        log.push('after');
        yield sleep(0);
        log.push('never');
      })(),
    );
    yield sleep(10);
    assert.deepEqual(log, ['after']);
  });

  scenario('goes on no more by a promise that somebody else settles', function* (sim) {
    const log: string[] = [];
    let wake = () => {};
    const host = sim.host('a', async () => {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      log.push('woken');
      try {
        await sleep(1);
        log.push('never');
      } finally {
        log.push('never');
      }
    });
    yield sleep(1);
    host.crash();
    wake();
    yield sleep(100);
    // What runs before its next wait is the engine's doing.
    assert.deepEqual(log, ['woken']);
  });

  it('fails nothing by what it leaves', async () => {
    await simulate(async (sim) => {
      const host = sim.host('a', async () => {
        const failing = new Future<void>();
        failing.setException(new Error('lost'));
        createTask(async () => {
          await sleep(10);
          throw new Error('too late');
        });
        await sleep(100);
      });
      await sleep(5);
      host.crash();
      await sleep(100);
    });
  });

  scenario('is none that runs the scenario', function* (sim) {
    const test = sim.hosts.get('test');
    for (const method of ['crash', 'kill', 'pause', 'restart'] as const)
      assert.throws(() => test?.[method](), { code: 'ERR_HOST_STATE' });
    yield sleep(0);
  });
});

describe('a host that is paused', () => {
  scenario('stands still, and goes on with what was due meanwhile', function* (sim, main) {
    const log: number[] = [];
    const host = sim.host(
      'a',
      main(function* () {
        for (let i = 0; i < 4; i++) {
          yield sleep(100);
          log.push(sim.time);
        }
      }),
    );
    sim.at(150, () => host.pause());
    sim.at(160, () => host.pause());
    sim.at(200, () => assert.equal(host.state, 'paused'));
    sim.at(1000, () => host.resume());
    sim.at(1010, () => host.resume());
    yield host.finished;
    assert.deepEqual(log, [100, 1000, 1100, 1200]);
  });

  scenario('can crash, and is not paused when it starts again', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        yield sleep(10);
        return sim.time;
      }),
    );
    host.pause();
    yield sleep(50);
    host.crash();
    assert.equal(yield host.start().finished, 60);
  });

  it('is ended as it stands with the scenario', async () => {
    const log: string[] = [];
    await simulate(async (sim) => {
      const host = sim.host('a', async () => {
        try {
          await sleep(10);
        } finally {
          log.push('finally');
        }
      });
      await sleep(5);
      host.pause();
    });
    assert.deepEqual(log, []);
  });
});

describe('signals to a host', () => {
  scenario('SIGINT cancels its main as run does', function* (sim, main) {
    const log: number[] = [];
    const host = sim.host(
      'a',
      main(function* () {
        try {
          yield sleep(1000);
        } finally {
          yield sleep(7);
          log.push(sim.time);
        }
      }),
    );
    sim.at(10, () => host.signal('SIGINT'));
    let error: unknown;
    try {
      yield host.finished;
    } catch (caught) {
      error = caught;
    }
    assert.equal((error as Error).name, 'InterruptedError');
    assert.deepEqual(log, [17]);
  });

  scenario('whoever sends SIGINT need not wait for the end', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        yield sleep(1000);
      }),
    );
    host.signal('SIGINT');
    yield sleep(10);
    assert.equal(host.state, 'ended');
  });

  scenario('a second SIGINT kills it', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        try {
          yield sleep(1000);
        } finally {
          yield sleep(1000);
        }
      }),
    );
    sim.at(10, () => host.signal('SIGINT'));
    sim.at(20, () => host.signal('SIGINT'));
    yield sleep(30);
    assert.equal(host.state, 'killed');
  });

  scenario('are its own to handle', function* (sim) {
    const host = sim.host('a', async ({ loop }) => {
      const asked = new Future<string>();
      loop.addSignalHandler('SIGTERM', () => asked.setResult('asked'));
      return await asked;
    });
    sim.at(10, () => host.signal('SIGTERM'));
    assert.equal(yield host.finished, 'asked');
  });

  scenario('otherwise do what they do to a process', function* (sim, main) {
    const host = sim.host(
      'a',
      main(function* () {
        yield sleep(100);
        return sim.time;
      }),
    );
    const states: HostState[] = [];
    const note = () => states.push(host.state);
    sim.at(10, () => host.signal('SIGSTOP'));
    sim.at(20, note);
    sim.at(200, () => host.signal('SIGCONT'));
    assert.equal(yield host.finished, 200);
    host.start();
    host.signal('SIGTERM');
    note();
    assert.deepEqual(states, ['paused', 'killed']);
    assert.throws(() => host.signal('SIGTERM'), { code: 'ERR_HOST_STATE' });
    host.start();
    assert.throws(() => host.signal('SIGNOTHING' as never), RangeError);
  });
});

describe('the clock of a host', () => {
  scenario('may run fast or slow, also while it waits', function* (sim, main) {
    const log: number[] = [];
    const host = sim.host(
      'a',
      main(function* () {
        for (let i = 0; i < 4; i++) {
          yield sleep(100);
          log.push(sim.time);
        }
      }),
      { clock: { rate: 2 } },
    );
    sim.at(75, () => {
      host.clock.rate = 0.5;
    });
    yield host.finished;
    assert.deepEqual(log, [50, 175, 375, 575]);
    assert.equal(host.clock.now(), 400);
  });

  scenario('shows a time of its own', function* (sim) {
    const host = sim.host('a', undefined, { clock: { skew: 5 } });
    const other = sim.host('b');
    yield sleep(10);
    assert.equal(host.clock.wallTime() - other.clock.wallTime(), 5);
    host.clock.skew = -5;
    assert.equal(host.clock.wallTime() - other.clock.wallTime(), -5);
    assert.throws(() => {
      host.clock.rate = 0;
    }, RangeError);
  });
});

describe('the trace of a simulation', () => {
  it('tells of hosts, and what programs say', async () => {
    const trace = new Trace();
    await simulate(
      async (sim) => {
        const host = sim.host('a', async () => {
          sim.say('hello');
          await sleep(10);
        });
        sim.say('begins');
        await sleep(5);
        host.pause();
        host.resume();
        host.crash();
      },
      { trace },
    );
    const told = trace.events.filter(({ kind }) => kind === 'host' || kind === 'said');
    assert.deepEqual(
      told.map(({ time, host, text }) => `${time} ${host} ${text}`),
      [
        '0 test starts',
        '0 a starts',
        '0 test begins',
        '0 a hello',
        '5 a is paused',
        '5 a goes on',
        '5 a crashes',
        '5 test ends',
      ],
    );
  });

  it('is not told of what nobody asked for', async () => {
    await failureOf(async (sim) => {
      sim.say('nobody hears this');
      throw new Error('end');
    });
  });
});

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import nodeCrypto, { randomBytes, randomFill, randomInt } from 'node:crypto';
import http from 'node:http';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import timers, { setTimeout as importedSetTimeout } from 'node:timers';
import timersPromises, {
  setTimeout as after,
  setInterval as every,
  setImmediate as immediately,
  scheduler,
} from 'node:timers/promises';
import { promisify } from 'node:util';
import { getRunningLoop, StateError, sleep } from 'tulipa';
import { simulate } from 'tulipa/testing';
import { installGlobals } from '../../../src/adapters/node/globals.ts';
import type { GlobalsClock } from '../../../src/adapters/node/globals-clock.ts';
import type { Machine } from '../../../src/drivers/simulation/index.ts';
import { guardRealIo } from '../../../src/testing/real-io.ts';
import { inSimulation } from '../../testing/in-simulation.ts';

const startOfTime = Date.UTC(2030, 0, 1);

function clockOf(machine: Machine): GlobalsClock {
  const random = machine.world.oracle.choices('random', 'random');
  return {
    now: () => machine.clock.wallTime(),
    monotonic: () => machine.clock.now(),
    random: () => random.fraction(),
    loop: () => getRunningLoop(),
  };
}

/** Runs it with globals replaced; nothing real may be used. */
async function simulated<T>(main: () => Promise<T>): Promise<T> {
  const attempts: unknown[] = [];
  const result = await inSimulation(
    () => async () => await main(),
    (machine) => {
      const unguard = guardRealIo((attempt) => void attempts.push(attempt));
      const uninstall = installGlobals(clockOf(machine));
      return () => {
        uninstall();
        unguard();
      };
    },
  );
  assert.deepEqual(attempts, []);
  return result;
}

const now = () => performance.now();

/** Two streams, of which each reads what is written to the other. */
function duplexPair(): [Duplex, Duplex] {
  const end = (): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other.get(this)?.push(chunk);
        done();
      },
      final(done) {
        other.get(this)?.push(null);
        done();
      },
    });
  const pair: [Duplex, Duplex] = [end(), end()];
  const other = new Map<unknown, Duplex>([pair, [pair[1], pair[0]]]);
  return pair;
}

describe('replaced timers', () => {
  it('wait in virtual time, and pass arguments on', async () => {
    const log: unknown[] = [];
    await simulated(async () => {
      setTimeout((...args) => log.push([now(), ...args]), 86_400_000, 'a', 'b');
      setTimeout(() => log.push(now()), 10);
      await new Promise((resolve) => setTimeout(resolve, 86_400_001));
    });
    assert.deepEqual(log, [10, [86_400_000, 'a', 'b']]);
  });

  it('take delays as Node does: whole milliseconds, at least 1, at most 2^31 - 1', async () => {
    const due = await simulated(async () => {
      const delays = [0, -5, Number.NaN, undefined, '20', 1.9, 2 ** 31 - 1];
      return Promise.all(
        delays.map((delay) => new Promise((resolve) => setTimeout(() => resolve(now()), delay as number))),
      );
    });
    assert.deepEqual(due, [1, 1, 1, 1, 20, 1, 2 ** 31 - 1]);
  });

  it('warn of a delay that is too long, and take it for none', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const due = await simulated(() => new Promise((resolve) => setTimeout(() => resolve(now()), 2 ** 31)));
    assert.equal(due, 1);
    assert.equal((await warned).name, 'TimeoutOverflowWarning');
  });

  it('refuse what is no function, in the words of Node', async () => {
    await simulated(async () => {
      for (const set of [setTimeout, setInterval, setImmediate]) {
        assert.throws(() => set('code' as never), { code: 'ERR_INVALID_ARG_TYPE' });
      }
    });
  });

  it('are cleared by object, number or text, whoever’s name that was, more than once', async () => {
    const log: string[] = [];
    await simulated(async () => {
      const byObject = setTimeout(() => log.push('object'), 1);
      const byNumber = setTimeout(() => log.push('number'), 1);
      const byText = setInterval(() => log.push('text'), 1);
      const immediate = setImmediate(() => log.push('immediate'));
      const closed = setTimeout(() => log.push('closed'), 1);
      clearInterval(byObject);
      clearInterval(byObject);
      clearTimeout(+byNumber);
      clearTimeout(`${byText}`);
      clearImmediate(immediate);
      closed.close();
      for (const nothing of [undefined, null, 12_345, 'x', {}]) {
        clearTimeout(nothing as never);
        clearImmediate(nothing as never);
      }
      await sleep(5);
    });
    assert.deepEqual(log, []);
  });

  it('mean nothing to the real functions afterwards', async () => {
    const [timeout, immediate] = await simulated(
      async () => [setTimeout(() => {}), setImmediate(() => {})] as const,
    );
    clearTimeout(timeout);
    clearInterval(timeout);
    clearImmediate(immediate);
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('give the same numbers in every run', async () => {
    const numbers = () => simulated(async () => [+setTimeout(() => {}), +setTimeout(() => {})]);
    assert.deepEqual(await numbers(), await numbers());
  });

  it('repeat until cleared, one delay after each call', async () => {
    const times = await simulated(async () => {
      const times: number[] = [];
      await new Promise<void>((resolve) => {
        const interval = setInterval(() => {
          times.push(now());
          if (times.length < 3) return;
          clearInterval(interval);
          resolve();
        }, 100);
      });
      await sleep(1000);
      return times;
    });
    assert.deepEqual(times, [100, 200, 300]);
  });

  it('refresh, before and after they have called back, but not when cleared', async () => {
    const times = await simulated(async () => {
      const times: number[] = [];
      const timeout = setTimeout(() => times.push(now()), 100);
      await sleep(50);
      assert.equal(timeout.refresh(), timeout);
      await sleep(100);
      timeout.refresh();
      await sleep(100);
      clearTimeout(timeout);
      timeout.refresh();
      await sleep(1000);
      return times;
    });
    assert.deepEqual(times, [150, 250]);
  });

  it('begin anew in the next simulation, and in real time, if somebody has kept them', async () => {
    const rung: (() => void)[] = [];
    const kept = await simulated(async () => setTimeout(() => rung.pop()?.(), 100));
    const time = await simulated(async () => {
      await sleep(5);
      await new Promise<void>((resolve) => {
        rung.push(resolve);
        kept.refresh();
      });
      return now();
    });
    assert.equal(time, 105);
    const again = await simulated(async () => setTimeout(() => rung.pop()?.(), 1));
    await new Promise<void>((resolve) => {
      rung.push(resolve);
      assert.equal(again.unref().ref().refresh(), again);
    });
    clearTimeout(again);
    again.refresh();
  });

  it('that are real, and have rung, begin anew in a simulation as its own', async () => {
    const rung: (() => void)[] = [];
    const kept = setTimeout(() => rung.pop()?.(), 1);
    await new Promise<void>((resolve) => rung.push(resolve));
    const times = await simulated(async () => {
      const times: number[] = [];
      for (let i = 0; i < 2; i++) {
        await new Promise<void>((resolve) => {
          rung.push(resolve);
          assert.equal(kept.refresh(), kept);
          kept.refresh();
        });
        times.push(now());
      }
      rung.push(() => assert.fail('it was cleared'));
      kept.refresh();
      clearTimeout(kept);
      await sleep(10);
      return times;
    });
    assert.deepEqual(times, [1, 2]);
  });

  it('keep a reference until it is dropped', async () => {
    await simulated(async () => {
      for (const timer of [setTimeout(() => {}, 1), setInterval(() => {}, 1), setImmediate(() => {})]) {
        assert.equal(timer.hasRef(), true);
        assert.equal(timer.unref(), timer);
        assert.equal(timer.hasRef(), false);
        assert.equal(timer.ref().hasRef(), true);
      }
    });
  });

  it('run in the order of Node: ticks, microtasks, immediates, timers; what immediates set comes a turn later', async () => {
    const log: string[] = [];
    await simulated(async () => {
      setTimeout(() => log.push('timeout'), 0);
      setImmediate(() => {
        log.push('immediate 1');
        setImmediate(() => log.push('immediate 3'));
        process.nextTick(() => log.push('tick of 1'));
        queueMicrotask(() => log.push('microtask of 1'));
      });
      setImmediate(() => log.push('immediate 2'));
      queueMicrotask(() => log.push('microtask'));
      await sleep(5);
    });
    assert.deepEqual(log, [
      'microtask',
      'immediate 1',
      'tick of 1',
      'microtask of 1',
      'immediate 2',
      'immediate 3',
      'timeout',
    ]);
  });

  it('call back as methods of themselves, in the async context of who set them', async () => {
    const storage = new AsyncLocalStorage<string>();
    const log: unknown[] = [];
    await simulated(async () => {
      storage.run('a', () => {
        setTimeout(() => log.push(storage.getStore()), 1);
        setImmediate(() => log.push(storage.getStore()));
      });
      storage.run('b', () => {
        const timer = setTimeout(function (this: unknown) {
          log.push(this === timer, storage.getStore());
        }, 2);
      });
      await sleep(3);
    });
    assert.deepEqual(log, ['a', 'a', true, 'b']);
  });

  it('tell the loop’s exception handler what they throw, and an interval goes on', async () => {
    const errors: unknown[] = [];
    let count = 0;
    await simulated(async () => {
      getRunningLoop().setExceptionHandler(
        (_loop, { exception }) => void errors.push((exception as Error).message),
      );
      setTimeout(() => {
        throw new Error('a');
      }, 1);
      setImmediate(() => {
        throw new Error('b');
      });
      setInterval(() => {
        if (++count === 1) throw new Error('c');
      }, 10);
      await sleep(25);
    });
    assert.deepEqual(errors, ['b', 'a', 'c']);
    assert.equal(count, 2);
  });

  it('are those of node:timers too, however they were imported, and of promisify', async () => {
    await simulated(async () => {
      assert.equal(importedSetTimeout, setTimeout);
      assert.equal(timers.setTimeout, setTimeout);
      assert.equal(timers.promises.setTimeout, after);
      assert.equal(await promisify(setTimeout)(10, 'a'), 'a');
      assert.equal(now(), 10);
      assert.equal(await promisify(setImmediate)('b'), 'b');
    });
  });
});

describe('replaced node:timers/promises', () => {
  it('waits in virtual time for a value', async () => {
    await simulated(async () => {
      assert.equal(await after(1000, 'a'), 'a');
      assert.equal(now(), 1000);
      assert.equal(await immediately('b'), 'b');
      await scheduler.wait(500);
      await scheduler.yield();
      assert.equal(now(), 1500);
      assert.equal(await after(undefined, 'c', { ref: false }), 'c');
    });
  });

  it('iterates, and yields what came while nobody asked', async () => {
    await simulated(async () => {
      const times: [number, string][] = [];
      for await (const value of every(100, 'x')) {
        times.push([now(), value]);
        if (times.length === 1) await sleep(250);
        if (times.length === 4) break;
      }
      assert.deepEqual(times, [
        [100, 'x'],
        [350, 'x'],
        [350, 'x'],
        [400, 'x'],
      ]);
    });
  });

  it('ends by a signal, also one that was given before', async () => {
    await simulated(async () => {
      const controller = new AbortController();
      const { signal } = controller;
      setTimeout(() => controller.abort('enough'), 50);
      const error = { name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' };
      const iterating = async () => {
        for await (const _ of every(20, undefined, { signal }));
      };
      await Promise.all([
        assert.rejects(after(100, 'a', { signal }), error),
        assert.rejects(scheduler.wait(100, { signal }), error),
        assert.rejects(iterating(), error),
      ]);
      assert.equal(now(), 50);
      await assert.rejects(after(100, 'a', { signal }), error);
      await assert.rejects(immediately('a', { signal }), error);
      await assert.rejects(iterating(), error);
      assert.equal(now(), 50);
    });
  });

  it('rejects wrong arguments in the words of Node', async () => {
    await simulated(async () => {
      const code = 'ERR_INVALID_ARG_TYPE';
      await assert.rejects(after(1, 'a', 1 as never), { code });
      await assert.rejects(after(1, 'a', { signal: {} as never }), { code });
      await assert.rejects(immediately('a', { ref: 1 as never }), { code });
      await assert.rejects(
        every(1, 'a', { ref: 1 as never })
          [Symbol.asyncIterator]()
          .next(),
        { code },
      );
    });
  });
});

describe('replaced clocks', () => {
  it('start when the simulation does, and move with it', async () => {
    await simulated(async () => {
      assert.equal(Date.now(), startOfTime);
      assert.equal(new Date().toISOString(), '2030-01-01T00:00:00.000Z');
      assert.match(Date(), /2029|2030/);
      await sleep(1500.25);
      assert.equal(Date.now(), startOfTime + 1500);
      assert.equal(performance.now(), 1500.25);
      assert.equal(performance.timeOrigin, startOfTime);
      assert.deepEqual(process.hrtime(), [1, 500_250_000]);
      assert.deepEqual(process.hrtime([0, 900_000_000]), [0, 600_250_000]);
      assert.equal(process.hrtime.bigint(), 1_500_250_000n);
      assert.equal(process.uptime(), 1.50025);
      assert.equal(new Intl.DateTimeFormat('en', { year: 'numeric', timeZone: 'UTC' }).format(), '2030');
      const parts = new Intl.DateTimeFormat('en', { year: 'numeric', timeZone: 'UTC' }).formatToParts();
      assert.equal(parts[0]?.value, '2030');
    });
  });

  it('leave dates what they are', async () => {
    const before = new Date(1);
    const RealDate = Date;
    const made = await simulated(async () => {
      class Birthday extends Date {
        year(): number {
          return this.getUTCFullYear();
        }
      }
      assert.ok(before instanceof Date);
      assert.ok(new Date() instanceof RealDate);
      assert.equal(new Date(5).constructor, Date);
      assert.equal(Date.UTC(2000), RealDate.UTC(2000));
      assert.equal(Date.parse('2000-01-01'), RealDate.parse('2000-01-01'));
      assert.equal(Date.prototype, RealDate.prototype);
      assert.equal(Date.length, 7);
      assert.equal(Date.name, 'Date');
      assert.equal(new Date(2000, 1, 2, 3).getHours(), 3);
      assert.equal(new Date(before).getTime(), 1);
      assert.ok(Number.isNaN(new Date(undefined as never).getTime()));
      assert.equal(new Birthday().year(), 2030);
      assert.equal(new Birthday(2000, 1).getFullYear(), 2000);
      assert.ok(new Birthday() instanceof Birthday);
      assert.equal(structuredClone(new Date()).getTime(), startOfTime);
      assert.equal(RealDate.now(), startOfTime);
      return new Date();
    });
    assert.equal(made.constructor, Date);
    assert.ok(made instanceof Date);
  });

  it('are what Temporal knows, where there is one', async (t) => {
    const { Temporal } = globalThis as {
      Temporal?: { Now: Record<string, (zone?: string) => { toString(): string }> };
    };
    if (Temporal === undefined) return t.skip('this runtime has none');
    await simulated(async () => {
      await sleep(1.5);
      assert.equal(String(Temporal.Now['instant']?.()), '2030-01-01T00:00:00.0015Z');
      assert.equal(String(Temporal.Now['plainDateISO']?.('UTC')), '2030-01-01');
      assert.equal(String(Temporal.Now['plainTimeISO']?.('UTC')), '00:00:00.0015');
      assert.equal(String(Temporal.Now['plainDateTimeISO']?.('UTC')), '2030-01-01T00:00:00.0015');
      assert.equal(String(Temporal.Now['zonedDateTimeISO']?.('UTC')), '2030-01-01T00:00:00.0015+00:00[UTC]');
    });
  });

  it('abort a signal in virtual time', async () => {
    await simulated(async () => {
      const signal = AbortSignal.timeout(5000);
      await sleep(4999);
      assert.equal(signal.aborted, false);
      await sleep(1);
      assert.equal(signal.reason.name, 'TimeoutError');
      assert.throws(() => AbortSignal.timeout(-1), { code: 'ERR_OUT_OF_RANGE' });
      const both = AbortSignal.any([AbortSignal.timeout(10), new AbortController().signal]);
      await sleep(10);
      assert.equal(both.aborted, true);
    });
  });
});

describe('replaced chance', () => {
  const draw = async () => {
    const called = <T>(begin: (callback: (error: Error | null, result: T) => void) => void) =>
      new Promise<T>((resolve) => begin((_error, result) => resolve(result)));
    return {
      random: Math.random(),
      uuid: crypto.randomUUID(),
      nodeUuid: nodeCrypto.randomUUID(),
      values: [...crypto.getRandomValues(new Uint16Array(3))],
      nodeValues: [...nodeCrypto.getRandomValues(new Uint8Array(3))],
      webcryptoValues: [...nodeCrypto.webcrypto.getRandomValues(new Uint8Array(3))],
      bytes: randomBytes(5).toString('hex'),
      bytesLater: (await called<Buffer>((callback) => randomBytes(5, callback))).toString('hex'),
      filled: [...nodeCrypto.randomFillSync(new Uint8Array(6), 2, 3)],
      filledWords: [...nodeCrypto.randomFillSync(new Uint32Array(3), 1)],
      filledLater: [...(await called<Uint8Array>((callback) => randomFill(new Uint8Array(4), 1, callback)))],
      int: randomInt(1000),
      intFrom: randomInt(5, 7),
      intLarge: randomInt(2 ** 47),
      intLater: await called<number>((callback) => randomInt(1000, callback)),
    };
  };

  it('is the same in every run, and looks like the real one', async () => {
    const first = await simulated(draw);
    assert.deepEqual(await simulated(draw), first);
    assert.match(first.uuid, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    assert.equal(first.bytes.length, 10);
    assert.ok(first.intFrom === 5 || first.intFrom === 6);
    assert.ok(first.intLarge > 2 ** 33);
    assert.deepEqual([first.filled[0], first.filled[1], first.filled[5]], [0, 0, 0]);
    assert.equal(first.filledWords[0], 0);
    assert.equal(first.filledLater[0], 0);
    const real = await draw();
    for (const [name, value] of Object.entries(first)) {
      // Of two that are the same by chance nothing is learnt.
      if (name !== 'intFrom') assert.notDeepEqual(real[name as keyof typeof real], value, name);
    }
  });

  it('refuses wrong arguments in the words of Node', async () => {
    await simulated(async () => {
      assert.throws(() => randomBytes(-1), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => randomBytes(1, 'x' as never), { code: 'ERR_INVALID_ARG_TYPE' });
      assert.throws(() => randomInt(5, 5), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => crypto.getRandomValues(new Float32Array(1) as never), {
        name: 'TypeMismatchError',
      });
      assert.throws(() => randomFill(new Uint8Array(1), 'x' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    });
  });
});

describe('installing globals', () => {
  const places: Record<string, object> = {
    globalThis,
    timers,
    timersPromises,
    scheduler: Object.getPrototypeOf(scheduler),
    Date,
    'Date.prototype': Date.prototype,
    AbortSignal,
    performance,
    'Performance.prototype': Object.getPrototypeOf(performance),
    process,
    Math,
    nodeCrypto,
    'http.OutgoingMessage.prototype': http.OutgoingMessage.prototype,
    crypto,
    'Crypto.prototype': Object.getPrototypeOf(crypto),
    'Intl.DateTimeFormat.prototype': Intl.DateTimeFormat.prototype,
  };
  const clock: GlobalsClock = {
    now: () => 0,
    monotonic: () => 0,
    random: () => 0,
    loop: () => assert.fail('there is none'),
  };

  it('is undone exactly, named imports included', () => {
    const describeAll = () =>
      Object.entries(places).map(
        ([place, object]) => [place, Object.getOwnPropertyDescriptors(object)] as const,
      );
    const before = describeAll();
    const imported = importedSetTimeout;
    const uninstall = installGlobals(clock);
    assert.notEqual(importedSetTimeout, imported);
    uninstall();
    assert.equal(importedSetTimeout, imported);
    describeAll().forEach(([place, descriptors], i) => {
      const expected = before[i]?.[1] as Record<PropertyKey, PropertyDescriptor>;
      assert.deepEqual(Reflect.ownKeys(descriptors), Reflect.ownKeys(expected), place);
      for (const key of Reflect.ownKeys(expected)) {
        const found = (descriptors as Record<PropertyKey, PropertyDescriptor>)[key];
        for (const field of ['value', 'get', 'set', 'writable', 'enumerable', 'configurable'] as const) {
          assert.ok(Object.is(found?.[field], expected[key]?.[field]), `${place}.${String(key)} ${field}`);
        }
      }
    });
  });

  it('is refused a second time', () => {
    const uninstall = installGlobals(clock);
    try {
      assert.throws(
        () => installGlobals(clock),
        (error) => error instanceof StateError && error.code === 'ERR_GLOBALS_REPLACED',
      );
    } finally {
      uninstall();
    }
    installGlobals(clock)();
  });

  it('leaves what was kept of it doing what the real one does', async () => {
    const uninstall = installGlobals(clock);
    const kept = {
      setTimeout,
      clearTimeout,
      setImmediate,
      clearImmediate,
      setInterval,
      Date,
      after,
      every,
      hrtime: process.hrtime,
    };
    const { random } = Math;
    uninstall();
    assert.ok(kept.Date.now() > 1_700_000_000_000);
    assert.ok(new kept.Date().getUTCFullYear() >= 2025);
    assert.notEqual(random(), 0);
    assert.ok(kept.hrtime.bigint() > 0n);
    kept.clearTimeout(kept.setTimeout(() => assert.fail('it was cleared'), 0));
    kept.clearImmediate(kept.setImmediate(() => assert.fail('it was cleared')));
    await new Promise((resolve) => kept.setTimeout(resolve, 1));
    await new Promise((resolve) => kept.setImmediate(resolve));
    assert.equal(await kept.after(1, 'a'), 'a');
    for await (const _ of kept.every(1)) break;
  });
});

describe('the Date of a response of node:http', () => {
  const responseTo = (listener: http.RequestListener) =>
    simulated(async () => {
      const server = http.createServer(listener);
      const [socket, peer] = duplexPair();
      server.emit('connection', socket);
      peer.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      let response = '';
      for await (const chunk of peer) response += chunk;
      return response;
    });

  it('is that of the simulation', async () => {
    const response = await responseTo((_request, response) => response.end('hello'));
    assert.match(response, /^HTTP\/1.1 200 OK\r\n/);
    assert.match(response, /\r\nDate: Tue, 01 Jan 2030 00:00:00 GMT\r\n/);
    assert.match(response, /\r\n\r\nhello$/);
  });

  it('is the program’s if it gives one, and none if it wants none', async () => {
    const given = await responseTo((_request, response) => response.writeHead(200, { date: 'today' }).end());
    assert.equal(given.match(/\r\ndate: [^\r]*/gi)?.join(), '\r\ndate: today');
    const none = await responseTo((_request, response) => {
      response.sendDate = false;
      response.end();
    });
    assert.doesNotMatch(none, /date/i);
  });
});

describe('globals of a simulation', () => {
  it('are those of the host that runs: its skew, its rate, its timers', async () => {
    const seen: Record<string, number[]> = {};
    const look = (name: string) => async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      seen[name] = [Date.now() - startOfTime, performance.now()];
    };
    const ended = await simulate(
      async (sim) => {
        const late = sim.host('late', look('late'), { clock: { skew: -500 } });
        const fast = sim.host('fast', look('fast'), { clock: { rate: 2 } });
        await Promise.all([late.finished, fast.finished]);
        return performance.now();
      },
      { globals: true },
    );
    assert.deepEqual(seen, { late: [500, 1000], fast: [1000, 1000] });
    assert.equal(ended, 1000);
  });

  it('give each host its own chance, from the seed', async () => {
    const draw = (seed: number) =>
      simulate(
        async (sim) => {
          const drawn: [string, number, string][] = [];
          const main = (name: string) => async () =>
            void drawn.push([name, Math.random(), crypto.randomUUID()]);
          for (const name of ['a', 'b']) await sim.host(name, main(name)).finished;
          return drawn;
        },
        { globals: true, seed },
      );
    const first = await draw(1);
    assert.deepEqual(await draw(1), first);
    assert.notDeepEqual(await draw(2), first);
    assert.notEqual(first[0]?.[1], first[1]?.[1]);
  });

  it('end with a host: its timers do not call back when it has crashed, or has ended', async () => {
    const log: string[] = [];
    await simulate(
      async (sim) => {
        const tick = (name: string) => setInterval(() => log.push(name), 10);
        const crashing = sim.host('crashing', async () => {
          tick('crashing');
          await sleep(100_000);
        });
        sim.host('ending', async () => {
          tick('ending');
          await sleep(25);
        });
        await sleep(15);
        crashing.crash();
        await sleep(1000);
      },
      { globals: true },
    );
    assert.deepEqual(log.sort(), ['crashing', 'ending', 'ending']);
  });
});

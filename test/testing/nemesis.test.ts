import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../../src/coroutines/index.ts';
import type { TraceEvent } from '../../src/drivers/simulation/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { describeDeviation } from '../../src/testing/deviations.ts';
import {
  ExplorationError,
  explore,
  type FaultOptions,
  type Simulation,
  simulate,
} from '../../src/testing/index.ts';
import { checkFaults, startNemesis } from '../../src/testing/nemesis.ts';
import { Trace } from '../../src/testing/trace.ts';

const names = ['anna', 'bert', 'carl'];

/** What such faults do to three hosts whose programs do nothing, for so long. */
async function watch(faults: FaultOptions, seed: number, time = 20_000) {
  const trace = new Trace();
  const seen = { starts: 0, skews: new Set<number>(), paused: 0, down: 0 };
  await simulate(
    function* (sim) {
      startNemesis(sim, faults);
      for (const name of names) {
        sim.host(name, function* () {
          seen.starts++;
          yield* sleep(10 * time);
        });
      }
      while (sim.time < time) {
        yield* sleep(10);
        for (const host of sim.hosts.values()) {
          seen.skews.add(host.clock.skew);
          if (host.state === 'paused') seen.paused++;
          if (host.state === 'crashed') seen.down++;
        }
      }
    },
    { seed, trace },
  );
  const faultsNoted = trace.events.filter(({ kind }) => kind === 'fault');
  return { ...seen, faultsNoted, digest: trace.digest() };
}

const texts = (events: readonly TraceEvent[]) => events.map(({ text }) => text);

describe('a nemesis', () => {
  it('crashes hosts now and then, and starts them again', async () => {
    const { faultsNoted, starts, down } = await watch({ crash: 1 }, 1);
    // Half of 40 slots, but for those in which the host was down already.
    assert.ok(faultsNoted.length > 5 && faultsNoted.length < 35, `${faultsNoted.length}`);
    for (const text of texts(faultsNoted)) assert.match(text, /^crash (?:anna|bert|carl) for [\d.]+ m?s$/);
    assert.ok(starts > 3 && starts <= 3 + faultsNoted.length);
    assert.ok(down > 0);
    assert.deepEqual(new Set(texts(faultsNoted).map((text) => text.split(' ')[1])), new Set(names));
  });

  it('kills programs, which start again at once', async () => {
    const { faultsNoted, starts, down } = await watch({ restart: 1 }, 1);
    assert.equal(starts, 3 + faultsNoted.length);
    assert.ok(faultsNoted.length > 5);
    assert.equal(down, 0);
  });

  it('has programs stand still, and go on', async () => {
    const { faultsNoted, paused } = await watch({ pause: { rate: 1, min: 100, max: 200 } }, 1);
    assert.ok(faultsNoted.length > 5);
    assert.ok(paused >= 5 * faultsNoted.length && paused <= 25 * faultsNoted.length);
  });

  it('puts clocks wrong, ahead and behind', async () => {
    const { faultsNoted, skews } = await watch({ skew: { rate: 1, max: 500 } }, 1);
    assert.ok(faultsNoted.length > 5);
    assert.ok([...skews].some((skew) => skew > 0) && [...skews].some((skew) => skew < 0));
    assert.ok([...skews].every((skew) => Math.abs(skew) <= 500));
  });

  it('cuts links, both ways or one, and heals them', async () => {
    const { faultsNoted } = await watch({ partition: { rate: 1, min: 10, max: 400 } }, 1);
    const all = texts(faultsNoted);
    assert.ok(all.some((text) => /^partition \w+ ↔ \w+ for \d+ ms$/.test(text)));
    assert.ok(all.some((text) => /^partition \w+ → \w+ for \d+ ms$/.test(text)));
    const cut = all.filter((text) => text.endsWith('is cut')).length;
    const healed = all.filter((text) => text.endsWith('is whole again')).length;
    assert.ok(cut > 5 && cut - healed <= 2, `${cut} ${healed}`);
  });

  it('cuts off hosts', async () => {
    const { faultsNoted } = await watch({ isolate: { rate: 1, min: 10, max: 400 } }, 1);
    assert.ok(texts(faultsNoted).some((text) => /^isolate \w+ for \d+ ms$/.test(text)));
  });

  it('does to the hosts that it may only, and in the time in which it may', async () => {
    const all: FaultOptions = { crash: 2, restart: 2, pause: 2, skew: 2 };
    for (const hosts of [['bert'], ({ name }: { name: string }) => name === 'bert']) {
      const { faultsNoted } = await watch({ ...all, hosts, from: 5_000, until: 9_000 }, 3);
      assert.ok(faultsNoted.length > 5);
      for (const { text, time } of faultsNoted) {
        assert.equal(text.split(' ')[1], 'bert');
        assert.ok(time >= 5_000 && time < 9_000, `${time}`);
      }
    }
    assert.deepEqual((await watch({ ...all, hosts: [] }, 3)).faultsNoted, []);
  });

  it('never touches the scenario', async () => {
    const all: FaultOptions = { crash: 5, restart: 5, pause: 5, partition: 5, isolate: 5, skew: 5 };
    await simulate(function* (sim) {
      startNemesis(sim, all);
      yield* sleep(30_000);
      assert.equal(sim.time, 30_000);
    });
  });

  it('does the same for the same seed, and other things for others', async () => {
    const all: FaultOptions = { crash: 1, restart: 1, pause: 1, partition: 1, isolate: 1, skew: 1 };
    const [one, again, other] = [await watch(all, 1), await watch(all, 1), await watch(all, 2)];
    assert.equal(one.digest, again.digest);
    assert.notEqual(one.digest, other.digest);
  });

  it('does nothing in the plain course', async () => {
    const trace = new Trace();
    await simulate(
      function* (sim) {
        startNemesis(sim, { crash: 10, partition: 10 });
        for (const name of names) sim.host(name, () => sleep(10_000));
        yield* sleep(5_000);
      },
      { trace, overruling: () => 0 },
    );
    assert.deepEqual(
      trace.events.filter(({ kind }) => kind === 'fault'),
      [],
    );
  });

  it('does not keep a simulation going in which nothing else can happen', async () => {
    await assert.rejects(
      simulate(function* (sim) {
        startNemesis(sim, { partition: 1 });
        sim.host('anna', () => sleep(1));
        sim.host('bert', () => sleep(1));
        yield* getRunningLoop().createFuture<void>();
      }),
      { code: 'ERR_DEADLOCK' },
    );
  });

  it('refuses what makes no sense', () => {
    for (const [faults, expected] of [
      [null, TypeError],
      [{ crash: '1' }, TypeError],
      [{ crash: -1 }, RangeError],
      [{ crash: Number.NaN }, RangeError],
      [{ pause: { rate: 1, min: 5, max: 4 } }, RangeError],
      [{ pause: { rate: 1, max: Infinity } }, RangeError],
      [{ from: 5, until: 4 }, RangeError],
      [{ hosts: 'anna' }, TypeError],
    ] as [FaultOptions, typeof TypeError][]) {
      assert.throws(() => checkFaults(faults), expected);
    }
    checkFaults({});
    checkFaults({ pause: { rate: 1, max: 1 }, crash: { rate: 1, min: 10_000 } });
  });
});

describe('an exploration with faults', () => {
  /** Forgets what it was told if it crashes within 50 ms: it writes that down too late. */
  function* forgetful(sim: Simulation) {
    let told = 0;
    for (const name of names) {
      const host = sim.host(name, function* () {
        while (sim.time < 10_000) {
          yield* sleep(100);
          told++;
          yield* sleep(name === 'bert' ? 50 : 0);
          host.disk.set('count', Number(host.disk.get('count') ?? 0) + 1);
        }
      });
    }
    yield* sleep(11_000);
    const written = [...sim.hosts.values()].reduce(
      (sum, { disk }) => sum + Number(disk.get('count') ?? 0),
      0,
    );
    assert.equal(written, told, 'something was forgotten');
  }

  it('finds the one fault that it takes, and says which', async () => {
    const faults: FaultOptions = { crash: 1, pause: 0, partition: 0.5, skew: 0.5, until: 9_000 };
    const error: unknown = await explore({ scenario: forgetful, seeds: 100, faults }).catch(
      (reason) => reason,
    );
    assert.ok(error instanceof ExplorationError, String(error));
    assert.match(String(error.cause), /something was forgotten/);
    assert.equal(error.shrinking, 'minimal');
    const told = error.deviations.filter(({ meaning }) => meaning !== '').map(describeDeviation);
    assert.equal(told.length, 1, told.join('; '));
    assert.match(told[0] ?? '', /^fault: crash bert at [\d.]+ m?s for [\d.]+ m?s$/);
    assert.ok(error.message.includes(told[0] as string));
    assert.match(error.trace, /fault: crash bert|bert .*crashes/);
  });

  it('tries whether each happens or not in an exhaustive search too', async () => {
    let crashes = 0;
    const report = await explore({
      exhaustive: { kinds: ['fault'] },
      faults: { crash: { rate: 1, min: 50, max: 50 }, hosts: ['anna'], until: 1_500 },
      *scenario(sim) {
        const host = sim.host('anna', () => sleep(100_000));
        sim.always(() => {
          if (host.state === 'crashed') crashes++;
          return true;
        });
        yield* sleep(2_000);
      },
    });
    // Three slots.
    assert.equal(report.runs, 8);
    assert.equal(report.exhaustive?.complete, true);
    assert.ok(crashes >= 12);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LinkOptions, type TraceEvent, World } from '../../../src/drivers/simulation/index.ts';

function worldOfTwo(link: LinkOptions = { latency: 1 }) {
  const world = new World({ link });
  const a = world.addMachine('a');
  const b = world.addMachine('b');
  return { world, a, b, there: world.network.link(a, b), back: world.network.link(b, a) };
}

describe('the network', () => {
  it('leads to the machine that has an address, and to oneself by loopback and the wildcard', () => {
    const { world, a, b } = worldOfTwo();
    const { network } = world;
    for (const host of [b.addresses[0], b.addresses[1], 'FD00:0:0::2', 'fd00::2%eth0'])
      assert.equal(network.route(a, host), b, host);
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', '0:0::1', '0.0.0.0', '::', a.addresses[0]])
      assert.equal(network.route(a, host), a, host);
    assert.equal(network.route(a, '10.0.0.9'), null);
    assert.equal(network.unreachable('10.0.0.9'), 'EHOSTUNREACH');
    assert.equal(network.unreachable('192.0.2.1'), 'ENETUNREACH');
    assert.throws(
      () => network.route(a, 'b'),
      /^RangeError: Cannot use the address 'b': it is no literal one$/,
    );
  });

  it('has one link in each direction, and none from a machine to itself', () => {
    const { world, a, b, there, back } = worldOfTwo();
    assert.notEqual(there, back);
    assert.equal(world.network.link(a, b), there);
    assert.throws(() => world.network.link(a, a), RangeError);
  });

  it('takes no machine whose name is none, or one that another has, in whatever case', () => {
    const { world } = worldOfTwo();
    for (const name of ['', 'a b', 'a..b', '-a', 'a-', '10.0.0.9', 'x'.repeat(64), 'A'])
      assert.throws(() => world.addMachine(name), RangeError, name);
    assert.throws(() => world.addMachine(5 as unknown as string), TypeError);
    assert.deepEqual(world.addMachine('db-1.example').addresses, ['10.0.0.3', 'fd00::3']);
    assert.equal(world.machineNamed('DB-1.Example')?.name, 'db-1.example');
  });

  it('refuses options that make no sense', () => {
    const { world, there } = worldOfTwo();
    const bad: [LinkOptions, RegExp][] = [
      [{ latency: -1 }, /^Cannot set the latency of the link: -1 is no number/],
      [{ latency: { min: 2, max: 1 } }, /not in this order/],
      [{ loss: 1.1 }, /^Cannot set the loss: 1.1 is no probability/],
      [{ duplication: Number.NaN }, /^Cannot set the duplication/],
      [{ bandwidth: 0 }, /^Cannot set the bandwidth: 0 is no number of bytes/],
    ];
    for (const [options, message] of bad) {
      const expected = { name: /RangeError|TypeError/, message };
      assert.throws(() => new World({ link: options }), expected);
      assert.throws(() => {
        there.options = options;
      }, expected);
      assert.throws(() => {
        world.network.options = options;
      }, expected);
    }
    assert.deepEqual(there.options, {});
  });

  it('has options of its own where a link has none, and both may change', () => {
    const { world, there, back } = worldOfTwo();
    there.options = { loss: 0.5 };
    assert.deepEqual([there.behaviour.latency, there.behaviour.loss, back.behaviour.loss], [1, 0.5, 0]);
    world.network.options = { latency: 7, loss: 0.1 };
    assert.deepEqual([there.behaviour.latency, there.behaviour.loss, back.behaviour.loss], [7, 0.5, 0.1]);
    there.options = {};
    assert.equal(there.behaviour.loss, 0.1);
  });
});

describe('a link', () => {
  it('takes its latency, and not less than what was sent before', () => {
    const { world, there } = worldOfTwo({ latency: 3 });
    assert.equal(there.transmit(100), 3);
    world.advanceTo(10);
    assert.equal(there.transmit(100), 13);
    assert.equal(there.transmit(100, 20), 20);
  });

  it('draws latencies by the seed, in the range that was asked for, half of them up to the median', () => {
    const draw = (seed: number) => {
      const world = new World({ seed, link: { latency: { min: 1, max: 100, median: 10 } } });
      const link = world.network.link(world.addMachine('a'), world.addMachine('b'));
      return Array.from({ length: 1000 }, () => link.transmit(0));
    };
    const drawn = draw(1);
    assert.deepEqual(draw(1), drawn);
    assert.notDeepEqual(draw(2), drawn);
    assert.ok(drawn.every((latency) => latency >= 1 && latency <= 100));
    const short = drawn.filter((latency) => latency <= 10).length;
    assert.ok(short > 400 && short < 600, String(short));
  });

  it('is busy with what it sends for as long as its bandwidth says', () => {
    const { world, there, back } = worldOfTwo({ latency: 5, bandwidth: 1000 });
    assert.equal(there.transmit(100), 105);
    assert.equal(there.transmit(50), 155);
    assert.equal(there.transmit(0), 5, 'what kernels tell each other costs nothing');
    assert.equal(back.transmit(10), 15);
    world.advanceTo(1000);
    assert.equal(there.transmit(100), 1105);
  });

  it('loses as many as its options say', () => {
    const { there } = worldOfTwo({ latency: 1, loss: 0.25 });
    let lost = 0;
    for (let i = 0; i < 2000; i++) if (there.transmit(1) === Infinity) lost++;
    assert.ok(lost > 400 && lost < 600, String(lost));
    there.options = { loss: 1 };
    assert.equal(there.transmit(1), Infinity);
    there.options = { loss: 0 };
    assert.equal(there.transmit(1), 1);
  });

  it('lets nothing through while it is cut, in one direction or both', () => {
    const { world, a, b, there, back } = worldOfTwo();
    const events: TraceEvent[] = [];
    world.trace = { note: (event) => void events.push(event) };
    world.network.partition(a, b, { oneWay: true });
    assert.deepEqual([there.transmit(0), back.transmit(0)], [Infinity, 1]);
    world.network.partition(a, b);
    assert.deepEqual([there.transmit(0), back.transmit(0)], [Infinity, Infinity]);
    world.network.heal(b, a);
    assert.deepEqual([there.transmit(0), back.transmit(0)], [1, 1]);
    world.network.partition(b, a);
    world.network.heal();
    assert.deepEqual([there.transmit(0), back.transmit(0)], [1, 1]);
    assert.deepEqual(
      events.slice(0, 3).map(({ kind, host, text }) => [kind, host, text]),
      [
        ['fault', 'a', 'a → b is cut'],
        ['fault', 'b', 'b → a is cut'],
        ['fault', 'b', 'b → a is whole again'],
      ],
    );
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { StreamEnd } from './stream-ends.ts';
import { type Outcome, StreamHosts } from './stream-ends.ts';
import { type TurnedHost, TurnedWorld } from './turned-hosts.ts';

const latency = 10;

describe('simulated connections', () => {
  let turned: TurnedWorld;
  let streams: StreamHosts;
  let client: TurnedHost;
  let server: TurnedHost;

  beforeEach(() => {
    turned = new TurnedWorld({ link: { latency } });
    streams = new StreamHosts(turned);
    client = turned.host('client');
    server = turned.host('server');
  });

  const connected = (outcome: Outcome<StreamEnd>): StreamEnd => {
    turned.settle();
    assert.ok(outcome.value !== null, String(outcome.error));
    return outcome.value;
  };
  const failedWith = (outcome: Outcome<unknown>, code: string, time: number) => {
    turned.settle();
    assert.deepEqual([outcome.error?.code, outcome.value, outcome.time], [code, null, time]);
    return outcome.error as NonNullable<typeof outcome.error>;
  };

  it('are made after a round trip, and known to the server half of one later', () => {
    const { address, ends, times } = streams.listen(server);
    const outcome = streams.connect(client, address);
    const near = connected(outcome);
    assert.equal(outcome.time, 2 * latency);
    assert.deepEqual(times, [3 * latency]);
    const [far] = ends as [StreamEnd];
    assert.deepEqual(near.channel.remoteAddress, { host: '10.0.0.2', port: address.port, family: 4 });
    assert.deepEqual(far.channel.localAddress, near.channel.remoteAddress);
    assert.deepEqual(near.channel.localAddress, { host: '10.0.0.1', port: 32_768, family: 4 });
    assert.deepEqual(far.channel.remoteAddress, near.channel.localAddress);
    assert.equal(near.channel.fd, -1);
  });

  it('are refused after a round trip where nobody listens', () => {
    const error = failedWith(
      streams.connect(client, { host: '10.0.0.2', port: 80 }),
      'ECONNREFUSED',
      2 * latency,
    );
    assert.deepEqual(
      [error.message, error.syscall, error.address, error.port, error.errno],
      ['Cannot connect to 10.0.0.2:80: connection refused (ECONNREFUSED)', 'connect', '10.0.0.2', 80, -111],
    );
    failedWith(streams.connect(client, { host: '127.0.0.1', port: 80 }), 'ECONNREFUSED', 2 * latency);
  });

  it('are refused where the listener has closed, and where its program has ended', () => {
    const { address, listener } = streams.listen(server);
    listener.close();
    listener.close();
    failedWith(streams.connect(client, address), 'ECONNREFUSED', 2 * latency);
    const second = streams.listen(server);
    server.driver.close();
    failedWith(streams.connect(client, second.address), 'ECONNREFUSED', 4 * latency);
  });

  it('time out as on Linux where nobody answers: after 127 s', () => {
    const { address } = streams.listen(server);
    server.machine.halt();
    const error = failedWith(streams.connect(client, address), 'ETIMEDOUT', 127_000);
    assert.match(error.message, /: connection timed out \(ETIMEDOUT\)$/);
  });

  it('are asked for again after 1, 3, 7, 15, 31 and 63 s', () => {
    const asked: number[] = [];
    turned.world.trace = {
      note: ({ kind, text, time }) => {
        if (kind === 'sent' && text === 'SYN → server:80') asked.push(time);
      },
    };
    turned.world.network.partition(client.machine, server.machine);
    failedWith(streams.connect(client, { host: '10.0.0.2', port: 80 }), 'ETIMEDOUT', 127_000);
    assert.deepEqual(asked, [0, 1000, 3000, 7000, 15_000, 31_000, 63_000]);
  });

  it('are made late after a partition, in either direction, has ended', () => {
    const { address, ends } = streams.listen(server);
    const { network } = turned.world;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const start = streams.now;
      network.partition(from.machine, to.machine, { oneWay: true });
      const outcome = streams.connect(client, address);
      turned.settle(start + 2500);
      assert.equal(outcome.time, -1);
      network.heal();
      connected(outcome);
      assert.equal(outcome.time, start + 3000 + 2 * latency);
    }
    assert.equal(ends.length, 2);
  });

  it('fail for addresses that nobody has: at once, or when nobody answers in one’s own network', () => {
    failedWith(streams.connect(client, { host: '192.0.2.1', port: 80 }), 'ENETUNREACH', 0);
    failedWith(streams.connect(client, { host: '2001:db8::1', port: 80 }), 'ENETUNREACH', 0);
    failedWith(streams.connect(client, { host: '10.0.0.77', port: 80 }), 'EHOSTUNREACH', 3000);
    failedWith(streams.connect(client, { host: 'fd00::77', port: 80 }), 'EHOSTUNREACH', 6000);
  });

  it('within one machine take no time, and are still not made from inside the call', () => {
    for (const host of ['127.0.0.1', '::1', '10.0.0.2', 'fd00::2']) {
      const family = host.includes(':') ? 6 : 4;
      const { address, ends } = streams.listen(server, { host, family });
      const near = connected(streams.connect(server, address));
      assert.equal(streams.now, 0);
      assert.deepEqual(near.channel.remoteAddress, { host, port: address.port, family });
      assert.deepEqual(ends[0]?.channel.localAddress, near.channel.remoteAddress);
      assert.deepEqual(ends[0]?.channel.remoteAddress, near.channel.localAddress);
    }
  });

  it('reach listeners on all addresses, and not those on another one', () => {
    const all = streams.listen(server, { host: '0.0.0.0' });
    const { port } = all.address;
    assert.deepEqual(all.address, { host: '0.0.0.0', port, family: 4 });
    const near = connected(streams.connect(client, { host: '10.0.0.2', port }));
    assert.deepEqual(near.channel.remoteAddress, { host: '10.0.0.2', port, family: 4 });
    assert.deepEqual(all.ends[0]?.channel.localAddress, near.channel.remoteAddress);
    connected(streams.connect(server, { host: '127.0.0.1', port }));
    connected(streams.connect(server, { host: '0.0.0.0', port }));
    assert.equal(all.ends.length, 3);
    failedWith(streams.connect(client, { host: 'fd00::2', port }), 'ECONNREFUSED', streams.now + 2 * latency);
    const loopback = streams.listen(server, { host: '127.0.0.1' });
    const only = { host: '10.0.0.2', port: loopback.address.port };
    failedWith(streams.connect(client, only), 'ECONNREFUSED', streams.now + 2 * latency);
  });

  it('come from the address and the port that they are bound to', () => {
    const { address } = streams.listen(server);
    const near = connected(
      streams.connect(client, address, { localAddress: { host: '10.0.0.1', port: 4000 } }),
    );
    assert.deepEqual(near.channel.localAddress, { host: '10.0.0.1', port: 4000, family: 4 });
    const again = { localAddress: { host: '10.0.0.1', port: 4000 } };
    const inUse = failedWith(streams.connect(client, address, again), 'EADDRINUSE', streams.now);
    assert.deepEqual([inUse.syscall, inUse.address, inUse.port], ['bind', '10.0.0.1', 4000]);
    assert.match(inUse.message, /^Cannot connect to 10\.0\.0\.2:\d+ from 10\.0\.0\.1:4000: /);
    near.channel.close();
    connected(streams.connect(client, address, again));
    const elsewhere = { localAddress: { host: '10.0.0.9', port: 0 } };
    failedWith(streams.connect(client, address, elsewhere), 'EADDRNOTAVAIL', streams.now);
    const loopback = { localAddress: { host: '127.0.0.1', port: 0 } };
    failedWith(streams.connect(client, address, loopback), 'EINVAL', streams.now);
  });

  it('give their port back when they fail and when they are cancelled', () => {
    const options = { localAddress: { host: '10.0.0.1', port: 4000 } };
    for (let i = 0; i < 3; i++) {
      const outcome = streams.connect(client, { host: '10.0.0.2', port: 80 }, options);
      if (i === 1) outcome.cancel();
      turned.settle();
      assert.equal(outcome.error?.code, i === 1 ? undefined : 'ECONNREFUSED');
    }
  });

  it('that are cancelled, at whatever time, are never told of and leave nothing open', () => {
    const { address, ends } = streams.listen(server);
    for (const after of [0, 5, 10, 15, 20, 25, 40]) {
      const start = streams.now;
      const outcome = streams.connect(client, address);
      while (turned.world.nextEvent <= start + after) turned.world.advanceTo(turned.world.nextEvent);
      outcome.cancel();
      outcome.cancel();
      turned.settle();
      assert.deepEqual([outcome.value, outcome.error], [null, null]);
    }
    for (const { calls } of ends) assert.deepEqual(calls, ['end']);
    assert.equal(ends.length, 3);
  });

  it('to an address that nobody has are not told of when they are cancelled, before they failed or after', () => {
    for (const after of [0, 2999, 3000]) {
      const outcome = streams.connect(client, { host: '10.0.0.77', port: 80 });
      turned.world.advanceTo(streams.now + after);
      outcome.cancel();
      outcome.cancel();
      turned.settle();
      assert.deepEqual([outcome.value, outcome.error], [null, null]);
    }
  });

  it('that do not fit into the backlog are asked for again, and made when there is room', () => {
    const { address, ends, times } = streams.listen(server, {}, { backlog: 1 });
    const outcomes = [1, 2, 3].map(() => streams.connect(client, address));
    // The server does not turn: nobody accepts.
    while (turned.world.nextEvent < 500) {
      turned.world.advanceTo(turned.world.nextEvent);
      client.turn();
    }
    assert.deepEqual(
      outcomes.map(({ time }) => time),
      [2 * latency, 2 * latency, -1],
    );
    turned.settle();
    assert.equal(outcomes[2]?.time, 1000 + 2 * latency);
    assert.deepEqual([ends.length, times[2]], [3, 1000 + 3 * latency]);
  });

  it('are reset if the listener closes before it has accepted them', () => {
    for (const closedAfter of [15, 35]) {
      const start = streams.now;
      const { address, ends, listener } = streams.listen(server);
      const outcome = streams.connect(client, address);
      while (turned.world.nextEvent <= start + closedAfter) {
        turned.world.advanceTo(turned.world.nextEvent);
        client.turn();
      }
      listener.close();
      turned.settle();
      assert.deepEqual([ends.length, outcome.value?.calls], [0, ['failed ECONNRESET']]);
    }
  });

  it('that a listener which finishes has made are handed over, and no more', () => {
    const { address, ends, listener } = streams.listen(server);
    const outcome = streams.connect(client, address);
    while (turned.world.nextEvent <= 3 * latency) {
      turned.world.advanceTo(turned.world.nextEvent);
      client.turn();
    }
    let finished = false;
    listener.finish?.(() => {
      finished = true;
      assert.equal(ends.length, 1);
      listener.close();
    });
    assert.equal(finished, false);
    turned.settle();
    assert.equal(finished, true);
    assert.deepEqual([outcome.value?.calls, ends[0]?.calls], [[], []]);
    failedWith(streams.connect(client, address), 'ECONNREFUSED', streams.now + 2 * latency);
  });

  it('are shared among listeners that share their port', () => {
    const first = streams.listen(server, {}, { reusePort: true });
    const { port } = first.address;
    const second = streams.listen(server, { port }, { reusePort: true });
    const alone = streams.tryListen(server, { port });
    streams.turnAll();
    assert.equal(alone.error?.code, 'EADDRINUSE');
    for (let i = 0; i < 40; i++) connected(streams.connect(client, first.address));
    assert.equal(first.ends.length + second.ends.length, 40);
    assert.ok(first.ends.length > 5 && second.ends.length > 5);
  });

  it('need an address of the machine, and a port that is free, to be listened for', () => {
    const { address } = streams.listen(server);
    for (const [target, code] of [
      [{ host: '10.0.0.1' }, 'EADDRNOTAVAIL'],
      [{ port: address.port }, 'EADDRINUSE'],
      [{ host: '0.0.0.0', port: address.port }, 'EADDRINUSE'],
    ] as const) {
      const outcome = streams.tryListen(server, target);
      const error = failedWith(outcome, code, 0);
      assert.equal(error.syscall, 'bind');
      assert.match(error.message, /^Cannot listen on [\d.:]+: address .+ \(EADDR/);
    }
    const cancelled = streams.tryListen(server, { port: 80 });
    cancelled.cancel();
    streams.turnAll();
    assert.equal(cancelled.value, null);
    streams.listen(server, { port: 80 });
    streams.listen(server, { host: '::', port: 80, family: 6 });
    streams.listen(client, { port: 80 });
  });

  it('to a machine that was switched off and on are refused, as it knows of no listener', () => {
    const { address } = streams.listen(server);
    server.machine.halt();
    server.reboot();
    failedWith(streams.connect(client, address), 'ECONNREFUSED', 2 * latency);
    streams.listen(server, { port: address.port });
    connected(streams.connect(client, address));
  });

  it('to a machine that is switched on while they are asked for are made', () => {
    server.machine.halt();
    const outcome = streams.connect(client, { host: '10.0.0.2', port: 80 });
    turned.settle(2000);
    server.reboot();
    streams.listen(server, { port: 80 });
    connected(outcome);
    assert.equal(outcome.time, 3000 + 2 * latency);
  });

  it('of a program that ends, or whose machine loses its power, come to nothing', () => {
    const { address, ends } = streams.listen(server, {}, { backlog: 0 });
    for (const end of [() => client.driver.close(), () => client.machine.halt()]) {
      for (const after of [0, 12, 22]) {
        const { length } = ends;
        const start = streams.now;
        const outcome = streams.connect(client, address);
        while (turned.world.nextEvent <= start + after) turned.world.advanceTo(turned.world.nextEvent);
        end();
        turned.settle();
        assert.deepEqual([outcome.value, outcome.error], [null, null]);
        client.reboot();
        // What was begun does not stay in the way of others.
        connected(streams.connect(client, address)).channel.close();
        turned.settle();
        assert.ok(ends.length > length);
      }
    }
  });

  describe('over Unix sockets', () => {
    const path = '/run/server.sock';

    it('are made at once, by paths of one machine', () => {
      const listening = streams.listenAt(server, { kind: 'unix', path });
      const outcome = streams.connectTo(server, { kind: 'unix', path });
      const near = connected(outcome);
      assert.equal(streams.now, 0);
      assert.deepEqual([near.channel.localAddress, near.channel.remoteAddress], [{ path: '' }, { path }]);
      assert.deepEqual(listening.value?.ends[0]?.channel.remoteAddress, { path: '' });
      const error = failedWith(streams.connectTo(client, { kind: 'unix', path }), 'ENOENT', 0);
      assert.deepEqual([error.address, error.syscall], [path, 'connect']);
    });

    it('are refused at a file that was left behind, which the next server replaces', () => {
      const first = streams.listenAt(server, { kind: 'unix', path }, { keepFile: true });
      streams.turnAll();
      first.value?.listener.close();
      failedWith(streams.connectTo(server, { kind: 'unix', path }), 'ECONNREFUSED', 0);
      const second = streams.listenAt(server, { kind: 'unix', path });
      streams.turnAll();
      connected(streams.connectTo(server, { kind: 'unix', path }));
      second.value?.listener.close();
      failedWith(streams.connectTo(server, { kind: 'unix', path }), 'ENOENT', 0);
    });

    it('cannot wait in a full backlog', () => {
      const listening = streams.listenAt(server, { kind: 'unix', path }, { backlog: 0 });
      const first = streams.connectTo(server, { kind: 'unix', path });
      const second = streams.connectTo(server, { kind: 'unix', path });
      failedWith(second, 'EAGAIN', 0);
      connected(first);
      assert.equal(listening.value?.ends.length, 1);
    });

    it('need a path that is short enough, and an abstract name that is free', () => {
      const long = '/'.padEnd(108, 'x');
      failedWith(streams.connectTo(server, { kind: 'unix', path: long }), 'EINVAL', 0);
      failedWith(streams.listenAt(server, { kind: 'unix', path: long }), 'EINVAL', 0);
      streams.listenAt(server, { kind: 'unix', path: '\0name' });
      const error = failedWith(streams.listenAt(server, { kind: 'unix', path: '\0name' }), 'EADDRINUSE', 0);
      assert.match(error.message, /^Cannot listen on @name: /);
      failedWith(streams.connectTo(server, { kind: 'unix', path: '\0other' }), 'ECONNREFUSED', 0);
    });
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { LinkOptions, TraceEvent } from '../../../src/drivers/simulation/index.ts';
import { StreamEnd, StreamHosts } from './stream-ends.ts';
import { type TurnedHost, TurnedWorld } from './turned-hosts.ts';

const kibibyte = 1024;
const latency = 10;
/** a send buffer and a receive window */
const takenBytesMax = 128 * kibibyte;
const timeoutOfStreams = 924_600;

function pattern(byteCount: number): Uint8Array {
  return Uint8Array.from({ length: byteCount }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

describe('simulated streams', () => {
  let turned: TurnedWorld;
  let streams: StreamHosts;
  let client: TurnedHost;
  let server: TurnedHost;

  const start = (link: LinkOptions = { latency }, seed = 0) => {
    turned = new TurnedWorld({ link, seed });
    streams = new StreamHosts(turned);
    client = turned.host('client');
    server = turned.host('server');
  };
  beforeEach(() => start());

  const network = () => turned.world.network;
  const content = (end: StreamEnd) => new Uint8Array(Buffer.concat(end.chunks));

  /** Writes all, going on whenever the channel has taken what it was given. */
  const writeAll = (end: StreamEnd, data: Uint8Array) => {
    const pending = end.write(data);
    turned.settle();
    assert.ok(pending === 0 || end.calls.includes('pending 0'), String(end.calls));
  };

  it('carry bytes in order, after the latency', () => {
    const [near, far] = streams.pair(client, server);
    const { now } = streams;
    assert.equal(near.write('hello'), 0);
    assert.equal(near.channel.write(['', ', ', 'world'].map((text) => new TextEncoder().encode(text))), 0);
    assert.equal(far.byteCount, 0);
    turned.settle();
    assert.deepEqual([far.text, far.calledAt], ['hello, world', now + latency]);
    far.write('and back');
    turned.settle();
    assert.deepEqual([near.text, near.calledAt], ['and back', now + 2 * latency]);
  });

  it('take a copy of what they are given', () => {
    const [near, far] = streams.pair(client, server);
    const data = new TextEncoder().encode('before');
    near.write(data);
    data.fill(0);
    turned.settle();
    assert.equal(far.text, 'before');
  });

  it('are cut and put together at places that nobody chose', () => {
    start({ latency: { min: 1, max: 30, median: 5 } });
    const [near, far] = streams.pair(client, server);
    const lengths = new Set<number>();
    for (let i = 0; i < 200; i++) {
      near.write('ten bytes.');
      if (i % 10 === 0) turned.settle();
    }
    turned.settle();
    assert.equal(far.text, 'ten bytes.'.repeat(200));
    for (const { length } of far.chunks) lengths.add(length);
    assert.ok(Math.min(...lengths) < 10 && Math.max(...lengths) > 10, [...lengths].join());
  });

  it('are whole where every choice is the plain one', () => {
    turned.world.oracle.overruling = () => 0;
    const [near, far] = streams.pair(client, server);
    for (let i = 0; i < 100; i++) {
      near.write('ten bytes.');
      turned.settle();
    }
    assert.ok(far.chunks.every(({ length }) => length === 10));
  });

  it('arrive byte by byte as they were sent, whatever is lost', () => {
    for (let seed = 0; seed < 20; seed++) {
      start({ latency: { min: 0, max: 50, median: 2 }, loss: 0.1, bandwidth: 1e6 }, seed);
      const [near, far] = streams.pair(client, server);
      const there = pattern(300 * kibibyte);
      const back = pattern(100 * kibibyte).reverse();
      far.write(back);
      writeAll(near, there);
      near.channel.shutdown();
      turned.settle();
      assert.deepEqual(content(far), there);
      assert.deepEqual(content(near), back);
      assert.equal(far.calls.at(-1), 'end');
    }
  });

  it('take what fits into the buffers of both kernels, and go on when the peer reads', () => {
    for (const peer of [server, client]) {
      const [near, far] = streams.pair(client, peer, false);
      const sent = pattern(500_000);
      const pending = near.write(sent);
      turned.settle();
      const taken =
        sent.length - (near.calls.length === 0 ? pending : Number(near.calls.at(-1)?.split(' ')[1]));
      assert.ok(taken <= takenBytesMax && taken > takenBytesMax - 32 * kibibyte, String(taken));
      const { length } = near.calls;
      far.channel.startReading();
      turned.settle();
      assert.equal(near.calls.at(-1), 'pending 0');
      assert.deepEqual(
        near.calls.slice(length).map((call) => Number(call.split(' ')[1])),
        near.calls
          .slice(length)
          .map((call) => Number(call.split(' ')[1]))
          .sort((a, b) => b - a),
      );
      assert.deepEqual(content(far), sent);
    }
  });

  it('read into the memory of who wants that, in as many reads as it takes', () => {
    const [near, far] = streams.pair(client, server);
    far.buffer = new Uint8Array(1000);
    const sent = pattern(200_000);
    writeAll(near, sent);
    assert.deepEqual(content(far), sent);
    assert.ok(far.chunks.every(({ length }) => length <= 1000));
    assert.ok(far.calls.includes('filled'));
  });

  it('deliver nothing while reading is paused, and the rest later', () => {
    const [near, far] = streams.pair(client, server);
    far.channel.pauseReading();
    near.write('later');
    near.channel.shutdown();
    turned.settle();
    assert.deepEqual([far.calls, near.calls], [[], ['shutdownDone']]);
    far.channel.startReading();
    assert.deepEqual(far.calls, []);
    turned.settle();
    assert.deepEqual([far.calls, far.text], [['data', 'end'], 'later']);
    far.channel.startReading();
    turned.settle();
    assert.deepEqual(far.calls, ['data', 'end']);
  });

  it('may be ended in one direction while the other goes on', () => {
    const [near, far] = streams.pair(client, server);
    near.write('question');
    near.channel.shutdown();
    turned.settle();
    assert.deepEqual(far.calls, ['data', 'end']);
    far.write('answer');
    turned.settle();
    assert.equal(near.text, 'answer');
    far.channel.close();
    near.channel.close();
    turned.settle();
    assert.deepEqual(near.calls, ['shutdownDone', 'data', 'closed']);
    assert.deepEqual(far.calls, ['data', 'end', 'closed']);
  });

  it('that both ends close are reset by neither', () => {
    const messages: string[] = [];
    const [near, far] = streams.pair(client, server);
    turned.world.trace = {
      note: ({ kind, text }) => {
        if (kind === 'sent') messages.push(text.split(' ')[0] as string);
      },
    };
    near.channel.close();
    far.channel.close();
    turned.settle();
    assert.deepEqual([messages, near.calls, far.calls], [['FIN', 'FIN'], ['closed'], ['closed']]);
  });

  it('send what was taken when they are closed, and say only that they are', () => {
    const [near, far] = streams.pair(client, server);
    const sent = pattern(60_000);
    assert.equal(near.write(sent), 0);
    near.channel.close();
    near.channel.close();
    assert.deepEqual(near.calls, []);
    far.write('too late to be read');
    streams.turnAll();
    assert.deepEqual(near.calls, ['closed']);
    turned.settle();
    assert.deepEqual(near.calls, ['closed']);
    assert.equal(near.write('x'), 1);
  });

  it('drop what is pending when they are aborted', () => {
    const [near, far] = streams.pair(client, server, false);
    near.write(pattern(500_000));
    near.channel.abort();
    turned.settle();
    far.channel.startReading();
    turned.settle();
    assert.equal(far.byteCount, 64 * kibibyte);
    assert.equal(far.calls.at(-1), 'end');
  });

  describe('that are closed by a peer', () => {
    it('which has not read everything are reset', () => {
      for (const peer of [server, client]) {
        const [near, far] = streams.pair(client, peer, false);
        near.write('unread');
        turned.settle();
        near.channel.startReading();
        far.channel.close();
        turned.settle();
        assert.deepEqual(near.calls, ['failed ECONNRESET']);
        assert.equal(
          near.failure?.message,
          'Cannot use the connection: connection reset by peer (ECONNRESET)',
        );
        assert.equal(near.failure?.syscall, 'recv');
      }
    });

    it('are reset when something is sent there, which that write does not know yet', () => {
      for (const peer of [server, client]) {
        const [near, far] = streams.pair(client, peer);
        far.channel.close();
        turned.settle();
        assert.deepEqual(near.calls, ['end']);
        assert.equal(near.write('anybody?'), 0);
        turned.settle();
        assert.equal(near.write('no'), 2);
        turned.settle();
        assert.deepEqual(near.calls, ['end', 'failed EPIPE']);
        assert.equal(near.failure?.syscall, 'send');
        assert.equal(near.write('x'), 1);
        near.channel.close();
        turned.settle();
        assert.deepEqual(near.calls, ['end', 'failed EPIPE', 'closed']);
      }
    });

    it('deliver what arrived before the reset', () => {
      const [near, far] = streams.pair(client, server, false);
      far.write('last words');
      near.write('unread');
      turned.settle();
      far.channel.close();
      turned.settle();
      assert.deepEqual(near.calls, []);
      near.channel.startReading();
      turned.settle();
      assert.deepEqual([near.text, near.calls], ['last words', ['data', 'failed ECONNRESET']]);
    });

    it('tell who waits to write of the reset at once', () => {
      const [near, far] = streams.pair(client, server, false);
      near.write(pattern(500_000));
      turned.settle();
      far.channel.abort();
      turned.settle();
      assert.equal(near.calls.at(-1), 'failed ECONNRESET');
    });

    it('over Unix sockets cannot be written to any more', () => {
      const path = '/run/x';
      for (const unread of [false, true]) {
        const listening = streams.listenAt(server, { kind: 'unix', path }, {}, false);
        const outcome = streams.connectTo(server, { kind: 'unix', path });
        turned.settle();
        const near = outcome.value as StreamEnd;
        if (unread) near.write('unread');
        turned.settle();
        listening.value?.ends[0]?.channel.close();
        if (!unread) assert.equal(near.write('x'), 1);
        turned.settle();
        assert.equal(near.calls.at(-1), unread ? 'failed ECONNRESET' : 'failed EPIPE');
        listening.value?.listener.close();
      }
    });
  });

  describe('over a bad network', () => {
    it('send again what was lost: after 200 ms, then after twice as long each time', () => {
      const [near, far] = streams.pair(client, server);
      const start = streams.now;
      const events: [string, number][] = [];
      turned.world.trace = {
        note: ({ kind, text, time }) => {
          if (text.startsWith('data')) events.push([kind, time - start]);
        },
      };
      network().partition(client.machine, server.machine);
      near.write('lost');
      turned.settle(start + 1000);
      network().heal();
      turned.settle();
      assert.deepEqual([far.text, far.calledAt], ['lost', start + 1400 + latency]);
      const sent = [0, 200, 600, 1400];
      assert.deepEqual(
        events.filter(([kind]) => kind === 'sent').map(([, time]) => time),
        sent,
      );
      assert.equal(events.filter(([kind]) => kind === 'lost').length, 3);
    });

    it('are as patient again once something has come through', () => {
      const [near, far] = streams.pair(client, server);
      for (const outage of [50_000, 100]) {
        const { now } = streams;
        network().partition(client.machine, server.machine);
        near.write('lost');
        turned.settle(now + outage);
        network().heal();
        turned.settle();
        if (outage === 100) assert.equal(far.calledAt, now + 200 + latency);
      }
      assert.equal(far.text, 'lostlost');
    });

    it('break when nothing comes back for 924.6 s, as on Linux', () => {
      const [near, far] = streams.pair(client, server);
      const { now } = streams;
      network().partition(client.machine, server.machine);
      near.write('lost');
      turned.settle();
      assert.deepEqual([near.calls, near.calledAt], [['failed ETIMEDOUT'], now + timeoutOfStreams]);
      assert.deepEqual(far.calls, []);
      network().heal();
      far.write('still there?');
      turned.settle();
      assert.equal(far.write('x'), 1);
      turned.settle();
      assert.deepEqual(far.calls, ['failed ECONNRESET']);
    });

    it('break too when all arrives but no confirmation does', () => {
      const [near, far] = streams.pair(client, server);
      const { now } = streams;
      network().partition(server.machine, client.machine, { oneWay: true });
      near.write('one way');
      turned.settle(now + 1000);
      assert.equal(far.text, 'one way');
      turned.settle();
      assert.deepEqual([near.calls, near.calledAt], [['failed ETIMEDOUT'], now + timeoutOfStreams]);
    });

    it('go on when confirmations come through again', () => {
      const [near, far] = streams.pair(client, server);
      const { now } = streams;
      network().partition(server.machine, client.machine, { oneWay: true });
      const sent = pattern(300_000);
      near.write(sent);
      turned.settle(now + 60_000);
      assert.ok(far.byteCount <= takenBytesMax);
      network().heal();
      turned.settle();
      assert.deepEqual(content(far), sent);
      assert.equal(near.calls.at(-1), 'pending 0');
      near.write('more');
      turned.settle();
      assert.equal(far.byteCount, sent.length + 4);
    });

    it('go on when the peer reads during a partition, after it', () => {
      const [near, far] = streams.pair(client, server, false);
      const sent = pattern(300_000);
      near.write(sent);
      turned.settle();
      network().partition(client.machine, server.machine);
      far.channel.startReading();
      turned.settle(streams.now + 10_000);
      assert.ok(far.byteCount <= 64 * kibibyte);
      network().heal();
      turned.settle();
      assert.deepEqual(content(far), sent);
    });

    it('take as long as the bandwidth allows', () => {
      start({ latency: 1, bandwidth: 10_000 });
      const [near, far] = streams.pair(client, server);
      const { now } = streams;
      writeAll(near, pattern(100_000));
      assert.equal(far.byteCount, 100_000);
      const time = far.calledAt - now;
      assert.ok(time >= 10_000 && time < 10_100, String(time));
    });
  });

  describe('of a machine that loses its power', () => {
    it('say nothing; who sends there gets no answer', () => {
      const [near] = streams.pair(client, server);
      const { now } = streams;
      server.machine.halt();
      turned.settle(now + 1e7);
      assert.deepEqual(near.calls, []);
      assert.equal(near.write('anybody?'), 0);
      turned.settle();
      assert.deepEqual([near.calls, near.calledAt], [['failed ETIMEDOUT'], now + 1e7 + timeoutOfStreams]);
    });

    it('are reset when it is up again and gets something of theirs', () => {
      const [near, far] = streams.pair(client, server);
      server.machine.halt();
      server.reboot();
      turned.settle();
      assert.deepEqual(near.calls, []);
      near.write('remember me?');
      turned.settle();
      assert.deepEqual([near.calls, far.calls], [['failed ECONNRESET'], []]);
    });

    it('are reset by the next try if it comes up meanwhile', () => {
      const [near] = streams.pair(client, server);
      const { now } = streams;
      server.machine.halt();
      near.write('lost');
      turned.settle(now + 500);
      server.reboot();
      turned.settle();
      assert.deepEqual(near.calls, ['failed ECONNRESET']);
      assert.ok(near.calledAt < now + 1000);
    });

    it('are found to be dead after two hours where the server keeps them alive', () => {
      for (const again of [false, true]) {
        start();
        const listening = streams.listen(server, {}, { keepAlive: true });
        streams.connect(client, listening.address);
        turned.settle();
        const [far] = listening.ends as [StreamEnd];
        const { now } = streams;
        client.machine.halt();
        if (again) client.reboot();
        turned.settle();
        assert.deepEqual(far.calls, [again ? 'failed ECONNRESET' : 'failed ETIMEDOUT']);
        assert.equal(far.calledAt - now, again ? 7_200_000 + latency : 7_200_000 + 9 * 75_000);
      }
      start();
      const listening = streams.listen(server, {}, { keepAlive: true });
      streams.connect(client, listening.address);
      turned.settle();
      client.machine.halt();
      listening.ends[0]?.channel.close();
      turned.settle();
      assert.ok(streams.now < timeoutOfStreams + 1000, 'nothing keeps time going on for a closed connection');
    });

    it('are given up by who waited for it to read', () => {
      const [near] = streams.pair(client, server, false);
      near.write(pattern(500_000));
      turned.settle();
      server.machine.halt();
      turned.settle();
      assert.equal(near.calls.at(-1), 'failed ETIMEDOUT');
    });

    it('still deliver what was on its way', () => {
      const [near, far] = streams.pair(client, server);
      near.write('on its way');
      client.machine.halt();
      turned.settle();
      assert.deepEqual([far.text, near.calls], ['on its way', []]);
      far.write('lost');
      turned.settle();
      assert.equal(far.calls.at(-1), 'failed ETIMEDOUT');
    });
  });

  describe('of a program that ends', () => {
    it('are closed by its kernel, in good order or by a reset, and it hears nothing', () => {
      const [near, far] = streams.pair(client, server, false);
      const [idle, other] = streams.pair(client, server);
      near.channel.startReading();
      near.write('unread');
      turned.settle();
      other.write('last words');
      server.driver.close();
      server.driver.close();
      turned.settle();
      assert.deepEqual(near.calls, ['failed ECONNRESET']);
      assert.deepEqual([idle.calls, idle.text], [['data', 'end'], 'last words']);
      assert.deepEqual([far.calls, other.calls], [[], []]);
    });

    it('are closed although another program was started since', () => {
      const [near] = streams.pair(client, server);
      const { driver } = server;
      driver.close();
      server.reboot();
      const listening = streams.listen(server);
      streams.connect(client, listening.address);
      driver.close();
      turned.settle();
      assert.deepEqual([near.calls, listening.ends[0]?.calls], [['end'], []]);
    });
  });

  it('do not trip over ends that close in any of their calls', () => {
    for (const call of ['data', 'end', 'writeProgress', 'failed'] as const) {
      const [near, far] = streams.pair(client, server, call !== 'writeProgress');
      const end = call === 'writeProgress' || call === 'failed' ? near : far;
      const proceed = StreamEnd.prototype[call];
      Object.defineProperty(end, call, {
        value: (...args: never[]) => {
          (proceed as (...args: never[]) => void).apply(end, args);
          end.channel.close();
        },
      });
      near.write(pattern(call === 'writeProgress' ? 500_000 : 10));
      if (call === 'end') near.channel.shutdown();
      turned.settle();
      if (call === 'writeProgress') far.channel.startReading();
      if (call === 'failed') network().partition(client.machine, server.machine);
      near.write('x');
      turned.settle();
      assert.equal(end.calls.at(-1), 'closed', call);
    }
  });

  it('fail where the data was taken away before it was sent', () => {
    const [near, far] = streams.pair(client, server, false);
    const data = pattern(500_000);
    near.write(data);
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
    turned.settle();
    far.channel.startReading();
    turned.settle();
    assert.equal(near.calls.at(-1), 'failed EFAULT');
    near.channel.abort();
    turned.settle();
    assert.equal(far.calls.at(-1), 'end');
  });

  describe('in the trace', () => {
    it('are messages that are sent and arrive, by their numbers', () => {
      const events: TraceEvent[] = [];
      turned.world.trace = { note: (event) => void events.push(event) };
      const [near, , listening] = streams.pair(client, server);
      near.write('hello');
      near.channel.close();
      turned.settle();
      const { port } = listening.address;
      assert.deepEqual(
        events.map(({ time, host, peer, kind, text, message }) => [time, host, peer, kind, text, message]),
        [
          [0, 'client', 'server', 'sent', `SYN → server:${port}`, 1],
          [10, 'server', 'client', 'arrived', `SYN → server:${port}`, 1],
          [10, 'server', 'client', 'sent', 'SYN-ACK → client:32768', 2],
          [20, 'client', 'server', 'arrived', 'SYN-ACK → client:32768', 2],
          [20, 'client', 'server', 'sent', `ACK → server:${port}`, 3],
          [30, 'server', 'client', 'arrived', `ACK → server:${port}`, 3],
          [30, 'client', 'server', 'sent', `data 5 bytes → server:${port}`, 4],
          [30, 'client', 'server', 'sent', `FIN → server:${port}`, 5],
          [40, 'server', 'client', 'arrived', `data 5 bytes → server:${port}`, 4],
          [40, 'server', 'client', 'arrived', `FIN → server:${port}`, 5],
        ],
      );
    });

    it('are the same ones with the same seed, and others with another', () => {
      const course = (seed: number) => {
        start({ latency: { min: 0, max: 20, median: 2 }, loss: 0.05 }, seed);
        const events: string[] = [];
        turned.world.trace = {
          note: ({ time, kind, text, message }) => void events.push(`${time} ${kind} ${text} ${message}`),
        };
        const [near, far] = streams.pair(client, server);
        for (let i = 0; i < 20; i++) {
          near.write(pattern(1000 * i + 1));
          far.write('ok');
          turned.settle();
        }
        return events;
      };
      assert.deepEqual(course(3), course(3));
      assert.notDeepEqual(course(3), course(4));
    });
  });

  it('leave nothing behind in the kernels when both ends are closed', () => {
    const { address } = streams.listen(server);
    const ports: number[] = [];
    for (let i = 0; i < 3; i++) {
      const options = { localAddress: { host: '10.0.0.1', port: 4000 } };
      const outcome = streams.connect(client, address, options);
      turned.settle();
      const near = outcome.value as StreamEnd;
      ports.push((near.channel.localAddress as { port: number }).port);
      near.channel.close();
      turned.settle();
    }
    assert.deepEqual(ports, [4000, 4000, 4000]);
    assert.equal(turned.world.nextEvent, Infinity);
  });
});

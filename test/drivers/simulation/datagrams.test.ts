import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type LinkOptions, World } from '../../../src/drivers/simulation/index.ts';
import {
  type DatagramChannel,
  type DatagramSink,
  type DatagramTarget,
  type InternetAddress,
  NotSupportedError,
  type SocketAddress,
  SystemError,
} from '../../../src/interface/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import { newEventLoop, run } from '../../../src/runtime/index.ts';
import { type TurnedHost, TurnedWorld } from './turned-hosts.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** An open endpoint that notes what it is told. */
class Endpoint implements DatagramSink {
  readonly channel: DatagramChannel;
  readonly texts: string[] = [];
  readonly data: Uint8Array[] = [];
  readonly from: SocketAddress[] = [];
  readonly errors: Error[] = [];
  readonly progress: [count: number, byteCount: number][] = [];
  closings = 0;
  onDatagram = () => {};

  constructor(channel: DatagramChannel, reading: boolean) {
    this.channel = channel;
    channel.start(this);
    if (reading) channel.startReading();
  }

  get address(): SocketAddress {
    return this.channel.localAddress as SocketAddress;
  }

  get port(): number {
    return (this.address as InternetAddress).port;
  }

  get codes(): string[] {
    return this.errors.map((error) => (error as SystemError).code);
  }

  send(data: string | Uint8Array, to: SocketAddress | null = null): boolean {
    return this.channel.send(typeof data === 'string' ? bytes(data) : data, to);
  }

  datagram(data: Uint8Array, lent: boolean, address: SocketAddress): void {
    assert.equal(lent, false);
    this.data.push(data);
    this.texts.push(text(data));
    this.from.push(address);
    this.onDatagram();
  }

  troubled(error: Error): void {
    this.errors.push(error);
  }

  failed(error: Error): void {
    assert.fail(String(error));
  }

  sendProgress(count: number, byteCount: number): void {
    this.progress.push([count, byteCount]);
  }

  closed(): void {
    this.closings++;
  }
}

const at = (host: string, port = 0): InternetAddress => ({ host, port, family: host.includes(':') ? 6 : 4 });

let turned: TurnedWorld;
let a: TurnedHost;
let b: TurnedHost;

function begin(link: LinkOptions = { latency: 1 }, seed = 0): void {
  turned = new TurnedWorld({ seed, link });
  a = turned.host('a');
  b = turned.host('b');
}

function open(host: TurnedHost, target: Partial<DatagramTarget>, reading = true): Endpoint {
  const { localAddress = null, remoteAddress = null } = target;
  const named = localAddress ?? remoteAddress;
  const family: DatagramTarget['family'] = named === null ? 4 : 'path' in named ? 'unix' : named.family;
  const whole = { family, localAddress, remoteAddress, reusePort: false, allowBroadcast: false, ...target };
  const channel = turned.answer<DatagramChannel>((completion) =>
    host.driver.datagrams?.open(whole, completion),
  );
  return new Endpoint(channel, reading);
}

function refusal(host: TurnedHost, target: Partial<DatagramTarget>): SystemError {
  try {
    open(host, target);
  } catch (error) {
    assert.ok(error instanceof SystemError, String(error));
    return error;
  }
  return assert.fail('it was opened');
}

describe('simulated UDP between hosts', () => {
  beforeEach(() => begin());

  for (const [version, hosts] of [
    ['IPv4', ['10.0.0.1', '10.0.0.2']],
    ['IPv6', ['fd00::1', 'fd00::2']],
  ] as const) {
    it(`arrives after the latency of the link, with its sender, who can be answered (${version})`, () => {
      const server = open(b, { localAddress: at(hosts[1], 53) });
      const client = open(a, { remoteAddress: at(hosts[1], 53) });
      client.send('question');
      const begun = turned.world.now;
      turned.settle(begun + 0.99);
      assert.deepEqual(server.texts, []);
      turned.settle(begun + 1.01);
      assert.deepEqual(server.texts, ['question']);
      assert.deepEqual(server.from, [at(hosts[0], client.port)]);
      server.send('answer', server.from[0]);
      turned.settle();
      assert.deepEqual(client.texts, ['answer']);
      assert.deepEqual(client.from, [at(hosts[1], 53)]);
      assert.deepEqual(client.channel.remoteAddress, at(hosts[1], 53));
      assert.deepEqual(client.address, at(hosts[0], client.port));
    });
  }

  it('comes in the order in which one socket has sent it, whatever the latency', () => {
    begin({ latency: { min: 1, max: 50 } });
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    const sent = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (const one of sent) client.send(one);
    turned.settle();
    assert.deepEqual(server.texts, sent);
  });

  it('overtakes each other where the link says so', () => {
    begin({ latency: 1, reordering: 0.2 });
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    const sent = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (const one of sent) client.send(one);
    turned.settle();
    assert.notDeepEqual(server.texts, sent);
    assert.deepEqual(new Set(server.texts), new Set(sent));
  });

  it('is lost, and arrives twice, as often as the link says, the same from the same seed', () => {
    const course = (link: LinkOptions, seed: number) => {
      begin({ latency: 1, ...link }, seed);
      const server = open(b, { localAddress: at('10.0.0.2', 53) });
      const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
      for (let sends = 0; sends < 100; sends++) client.send(`${sends}`);
      turned.settle();
      return server.texts;
    };
    const left = course({ loss: 0.25 }, 1);
    assert.ok(left.length > 55 && left.length < 95, `${left.length} of 100`);
    assert.deepEqual(course({ loss: 0.25 }, 1), left);
    assert.notDeepEqual(course({ loss: 0.25 }, 2), left);
    assert.equal(course({ loss: 1 }, 1).length, 0);
    const doubled = course({ duplication: 0.25 }, 1);
    assert.ok(doubled.length > 105 && doubled.length < 145, `${doubled.length} of 100`);
    assert.equal(new Set(doubled).size, 100);
    assert.equal(course({ duplication: 1 }, 1).length, 200);
    assert.equal(course({}, 1).length, 100);
  });

  it('gives a copy of its own to each receiver, and lets the sender change what it sent', () => {
    begin({ latency: 1, duplication: 1 });
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    const data = Buffer.from('before');
    client.send(data);
    data.fill(0);
    turned.settle();
    assert.deepEqual(server.texts, ['before', 'before']);
    assert.notEqual(server.data[0]?.buffer, server.data[1]?.buffer);
    assert.equal(server.data[0]?.constructor, Uint8Array);
  });

  it('does not come through a partition, nor do answers, and nobody is told', () => {
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    const { network } = turned.world;
    network.partition(a.machine, b.machine);
    client.send('lost');
    turned.settle();
    network.heal();
    network.partition(b.machine, a.machine, { oneWay: true });
    client.send('one way');
    open(a, { remoteAddress: at('10.0.0.2', 54) }).send('refused');
    turned.settle();
    assert.deepEqual([server.texts, client.errors], [['one way'], []]);
  });

  it('takes as long as the bandwidth says', () => {
    begin({ latency: 1, bandwidth: 1000 });
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    for (let sends = 0; sends < 3; sends++) client.send(new Uint8Array(100));
    const begun = turned.world.now;
    const counts = [100, 102, 202, 302].map((after) => {
      turned.settle(begun + after);
      return server.data.length;
    });
    assert.deepEqual(counts, [0, 1, 2, 3]);
  });

  it('to a port that nobody has comes back to a connected socket, after the way there and back', () => {
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    const other = open(a, { family: 4 });
    client.send('x');
    other.send('x', at('10.0.0.2', 53));
    const begun = turned.world.now;
    turned.settle(begun + 1.9);
    assert.equal(client.errors.length, 0);
    turned.settle();
    assert.deepEqual([client.codes, other.codes], [['ECONNREFUSED'], []]);
    const [error] = client.errors as [SystemError];
    assert.equal(error.message, 'Cannot reach 10.0.0.2:53: connection refused (ECONNREFUSED)');
    assert.deepEqual(
      [error.errno, error.syscall, error.address, error.port],
      [-111, 'recvfrom', '10.0.0.2', 53],
    );
  });

  it('to a host that is off gets no answer, and reaches the next program that has the port', () => {
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    open(b, { localAddress: at('10.0.0.2', 53) });
    b.machine.halt();
    client.send('lost');
    turned.settle();
    assert.deepEqual(client.errors, []);
    client.send('found');
    b.reboot();
    const after = new Endpoint(
      turned.answer<DatagramChannel>((completion) =>
        b.driver.datagrams?.open(
          {
            family: 4,
            localAddress: at('0.0.0.0', 53),
            remoteAddress: null,
            reusePort: false,
            allowBroadcast: false,
          },
          completion,
        ),
      ),
      true,
    );
    turned.settle();
    client.send('found');
    turned.settle();
    assert.deepEqual(after.texts.at(-1), 'found');
  });

  it('of a program that has ended is gone with its ports, and comes back', () => {
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    b.driver.close();
    client.send('x');
    turned.settle();
    assert.deepEqual(client.codes, ['ECONNREFUSED']);
    assert.equal(server.closings, 0, 'nobody is told');
  });

  it('without a way there is told at once, or after asking in vain', () => {
    const nowhere = refusal(a, { remoteAddress: at('192.0.2.1', 9) });
    assert.deepEqual(
      [nowhere.code, nowhere.syscall, nowhere.address],
      ['ENETUNREACH', 'connect', '192.0.2.1'],
    );
    const free = open(a, { family: 4 });
    free.send('x', at('192.0.2.1', 9));
    free.send('x', at('10.0.0.99', 9));
    const connected = open(a, { remoteAddress: at('10.0.0.99', 9) });
    connected.send('x');
    const begun = turned.world.now;
    turned.settle(begun + 2999);
    assert.deepEqual(connected.codes, []);
    turned.settle();
    assert.deepEqual([free.codes, connected.codes], [['ENETUNREACH'], ['EHOSTUNREACH']]);
    assert.match(free.errors[0]?.message ?? '', /^Cannot send a datagram to 192\.0\.2\.1:9: /);
    const local = open(a, { localAddress: at('127.0.0.1') });
    local.send('x', at('10.0.0.2', 53));
    turned.settle();
    assert.deepEqual(local.codes, ['EINVAL']);
  });

  it('is dropped where the receiver does not read, when its buffer is full', () => {
    const server = open(b, { localAddress: at('10.0.0.2', 53) }, false);
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    for (let sends = 0; sends < 10; sends++) client.send(new Uint8Array(65_000).fill(sends));
    turned.settle();
    server.channel.startReading();
    turned.settle();
    assert.deepEqual(
      server.data.map(([first]) => first),
      [0, 1, 2, 3],
      'the last one may exceed 212,992 bytes',
    );
    client.send('room again');
    turned.settle();
    assert.equal(server.texts.at(-1), 'room again');
  });

  it('of many small ones fills the buffer too, since each counts for more than its bytes', () => {
    const server = open(b, { localAddress: at('10.0.0.2', 53) }, false);
    const client = open(a, { remoteAddress: at('10.0.0.2', 53) });
    for (let sends = 0; sends < 1000; sends++) client.send('');
    turned.settle();
    server.channel.startReading();
    turned.settle();
    assert.equal(server.data.length, Math.floor(212_992 / 768) + 1);
  });

  it('goes to all that are bound to all addresses, if the sender may broadcast', () => {
    const c = turned.host('c');
    const sender = open(a, { localAddress: at('0.0.0.0'), allowBroadcast: true });
    const receivers = [a, b, c].map((host) => open(host, { localAddress: at('0.0.0.0', 67) }));
    const [bound] = [open(b, { localAddress: at('10.0.0.2', 68) })];
    sender.send('who?', at('255.255.255.255', 67));
    sender.send('who?', at('10.255.255.255', 68));
    turned.settle();
    assert.deepEqual(
      receivers.map(({ texts }) => texts),
      [['who?'], ['who?'], ['who?']],
    );
    assert.deepEqual(bound?.texts, []);
    assert.deepEqual(receivers[2]?.from, [at('10.0.0.1', sender.port)]);
    assert.deepEqual(sender.errors, [], 'nobody answers that there is nobody');
    const quiet = open(a, { family: 4 });
    quiet.send('x', at('255.255.255.255', 67));
    turned.settle();
    assert.deepEqual(quiet.codes, ['EACCES']);
    assert.equal(refusal(a, { remoteAddress: at('10.255.255.255', 67) }).code, 'EACCES');
  });

  it('refuses multicast by an error that says so', () => {
    const sender = open(a, { family: 4 });
    sender.send('x', at('224.0.0.251', 5353));
    turned.settle();
    assert.ok(sender.errors[0] instanceof NotSupportedError);
    assert.match(sender.errors[0].message, /has no multicast$/);
    assert.throws(() => open(a, { remoteAddress: at('ff02::fb', 5353) }), NotSupportedError);
  });

  it('is told to the trace: sent, and arrived or lost, by the same number', () => {
    const noted: string[] = [];
    turned.world.trace = {
      note: ({ kind, host, peer, message, text }) =>
        void noted.push(`${kind} #${message} ${host} ${peer} ${text}`),
    };
    const server = open(b, { localAddress: at('10.0.0.2', 53) });
    const client = open(a, { localAddress: at('10.0.0.1', 5000), remoteAddress: at('10.0.0.2', 53) });
    client.send('one');
    turned.settle();
    server.channel.close();
    client.send('2');
    turned.settle();
    turned.world.network.partition(a.machine, b.machine);
    client.send('three');
    turned.settle();
    assert.deepEqual(
      noted.filter((line) => !line.startsWith('fault')),
      [
        'sent #1 a b UDP 3 bytes, a:5000 → b:53',
        'arrived #1 b a UDP 3 bytes, a:5000 → b:53',
        'sent #2 a b UDP 1 byte, a:5000 → b:53',
        'lost #2 a b UDP 1 byte, a:5000 → b:53: nobody has the port',
        'sent #3 a b UDP 5 bytes, a:5000 → b:53',
        'lost #3 a b UDP 5 bytes, a:5000 → b:53: it is lost',
      ],
    );
  });
});

describe('simulated UDP, whatever the links do', () => {
  for (const seed of [0, 1, 2, 3, 4, 5]) {
    it(`ends every datagram once, arrived or lost, and keeps the order where it should (seed ${seed})`, () => {
      const choose = (count: number) => turned.world.oracle.choices('test', 'random').pick(count);
      begin({}, seed);
      turned.host('c');
      const { world, hosts } = turned;
      const ends = new Map<number | undefined, string[]>();
      world.trace = {
        note: ({ kind, message }) => {
          if (kind === 'sent') assert.ok(!ends.has(message), 'a number of its own');
          if (kind === 'sent') ends.set(message, []);
          else if (kind !== 'fault') ends.get(message)?.push(kind);
        },
      };
      const reordering = seed % 2 === 0 ? 0 : 0.3;
      for (const from of hosts) {
        for (const to of hosts) {
          if (from === to) continue;
          world.network.link(from.machine, to.machine).options = {
            latency: { min: choose(3), max: 3 + choose(100) },
            bandwidth: [1000, 100_000, Infinity][choose(3)] as number,
            loss: choose(3) / 4,
            duplication: choose(3) / 4,
            reordering,
          };
        }
      }
      const sockets = hosts.map((host) =>
        open(host, { localAddress: at('0.0.0.0', 100), allowBroadcast: true }),
      );
      const addresses = [...hosts.map(({ machine }) => machine.addresses[0]), '255.255.255.255'];
      for (let sends = 0; sends < 500; sends++) {
        const from = choose(hosts.length);
        const to = addresses[choose(addresses.length)] as string;
        sockets[from]?.send(`${from} ${sends}`, at(to, choose(10) === 0 ? 101 : 100));
        if (choose(3) === 0) turned.settle(world.now + choose(20));
        if (choose(50) === 0) world.network.partition(hosts[0]?.machine as never, hosts[1]?.machine as never);
        if (choose(25) === 0) world.network.heal();
      }
      turned.settle();
      assert.ok(ends.size > 500);
      for (const [message, kinds] of ends) assert.equal(kinds.length, 1, `${message}: ${kinds}`);
      const told = sockets.reduce((sum, { texts }) => sum + texts.length, 0);
      const arrived = [...ends.values()].filter(([kind]) => kind === 'arrived').length;
      const own = sockets.reduce((sum, { texts }, index) => sum + ofSender(texts, index).length, 0);
      assert.equal(
        told,
        arrived + own,
        'what is in the trace is what programs got, but for what they sent themselves',
      );
      if (reordering > 0) return;
      for (const { texts } of sockets) {
        for (const index of hosts.keys()) {
          const first = [...new Set(ofSender(texts, index))];
          assert.deepEqual(
            first,
            first.toSorted((x, y) => x - y),
          );
        }
      }
    });
  }

  /** The numbers of what came from there, in the order in which it came. */
  const ofSender = (texts: readonly string[], index: number) =>
    texts
      .map((one) => one.split(' ').map(Number))
      .flatMap(([from, number]) => (from === index ? [number as number] : []));
});

describe('simulated UDP on a host', () => {
  beforeEach(() => begin());

  it('takes no time, by loopback, by its own address, and by none', () => {
    const server = open(a, { localAddress: at('0.0.0.0', 53) });
    const six = open(a, { localAddress: at('::', 53) });
    const client = open(a, { family: 4 });
    for (const host of ['127.0.0.1', '127.9.9.9', '10.0.0.1', '0.0.0.0']) client.send(host, at(host, 53));
    const client6 = open(a, { localAddress: at('::') });
    for (const host of ['::1', 'FD00::1', '::']) client6.send(host, at(host, 53));
    turned.settle(turned.world.now);
    assert.deepEqual(server.texts, ['127.0.0.1', '127.9.9.9', '10.0.0.1', '0.0.0.0']);
    assert.deepEqual(
      server.from,
      ['127.0.0.1', '127.0.0.1', '10.0.0.1', '127.0.0.1'].map((host) => at(host, client.port)),
    );
    assert.deepEqual(six.texts, ['::1', 'FD00::1', '::']);
    assert.deepEqual(
      six.from,
      ['::1', 'fd00::1', '::1'].map((host) => at(host, client6.port)),
    );
  });

  it('has ports that one socket has, unless several share them', () => {
    const first = open(a, { localAddress: at('127.0.0.1', 53) });
    const error = refusal(a, { localAddress: at('127.0.0.1', 53) });
    assert.deepEqual(
      [error.code, error.syscall, error.address, error.port],
      ['EADDRINUSE', 'bind', '127.0.0.1', 53],
    );
    assert.match(error.message, /^Cannot open a datagram endpoint on 127\.0\.0\.1:53: /);
    assert.equal(refusal(a, { localAddress: at('0.0.0.0', 53) }).code, 'EADDRINUSE');
    open(a, { localAddress: at('10.0.0.1', 53) });
    open(a, { localAddress: at('::1', 53) });
    open(b, { localAddress: at('127.0.0.1', 53) });
    first.channel.close();
    open(a, { localAddress: at('127.0.0.1', 53) });
    assert.equal(refusal(a, { localAddress: at('10.0.0.2', 53) }).code, 'EADDRNOTAVAIL');
  });

  it('gives what comes from one sender to one of those that share a port', () => {
    const sharing = [1, 2].map(() => open(a, { localAddress: at('10.0.0.1', 53), reusePort: true }));
    assert.equal(refusal(a, { localAddress: at('10.0.0.1', 53) }).code, 'EADDRINUSE');
    const senders = Array.from({ length: 20 }, () => open(b, { remoteAddress: at('10.0.0.1', 53) }));
    for (let sends = 0; sends < 3; sends++) for (const sender of senders) sender.send(String(sender.port));
    turned.settle();
    const [one, two] = sharing.map(({ texts }) => new Set(texts)) as [Set<string>, Set<string>];
    assert.equal(one.size + two.size, 20);
    assert.ok(one.size > 0 && two.size > 0);
    assert.equal(
      sharing.reduce((sum, { texts }) => sum + texts.length, 0),
      60,
    );
  });

  it('prefers a connected socket to others, and gives it what its peer sends alone', () => {
    const all = open(a, { localAddress: at('10.0.0.1', 53), reusePort: true });
    const peer = open(b, { localAddress: at('10.0.0.2', 1) });
    const connected = open(a, {
      localAddress: at('10.0.0.1', 53),
      remoteAddress: at('10.0.0.2', 1),
      reusePort: true,
    });
    peer.send('peer', connected.address);
    open(b, { localAddress: at('10.0.0.2', 2) }).send('other', connected.address);
    turned.settle();
    assert.deepEqual([all.texts, connected.texts], [['other'], ['peer']]);
  });

  it('binds at the first send, and to one address when it connects', () => {
    const client = open(a, { family: 4 });
    assert.deepEqual(client.address, at('0.0.0.0', 0));
    client.send('x', at('10.0.0.2', 9));
    assert.ok(client.port >= 32_768);
    const connected = open(a, { localAddress: at('0.0.0.0', 77), remoteAddress: at('10.0.0.2', 9) });
    assert.deepEqual(connected.address, at('10.0.0.1', 77));
  });

  it('takes no more than a datagram can be', () => {
    const client = open(a, { family: 4 });
    const client6 = open(a, { family: 6 });
    const server = open(a, { localAddress: at('127.0.0.1', 9) });
    const server6 = open(a, { localAddress: at('::1', 9) });
    client.send(new Uint8Array(65_507), at('127.0.0.1', 9));
    client.send(new Uint8Array(65_508), at('127.0.0.1', 9));
    client6.send(new Uint8Array(65_527), at('::1', 9));
    client6.send(new Uint8Array(65_528), at('::1', 9));
    turned.settle();
    assert.deepEqual([client.codes, client6.codes], [['EMSGSIZE'], ['EMSGSIZE']]);
    assert.deepEqual([server.data[0]?.length, server6.data[0]?.length], [65_507, 65_527]);
  });

  it('refuses what is no address, by an error that is thrown', () => {
    const client = open(a, { family: 4 });
    for (const to of [at('::1', 9), { ...at('localhost', 9), family: 4 as const }, { path: '/x' }])
      assert.throws(() => client.send('x', to), RangeError);
    client.send('x', at('10.0.0.2', 0));
    turned.settle();
    assert.deepEqual(client.codes, ['EINVAL']);
  });

  it('tells nothing from inside a call, nothing before it reads, and nothing after it was closed', () => {
    const server = open(a, { localAddress: at('127.0.0.1', 9) }, false);
    const client = open(a, { remoteAddress: at('127.0.0.1', 9) });
    client.send('one');
    client.send('two');
    turned.settle();
    assert.deepEqual(server.texts, []);
    server.channel.startReading();
    assert.deepEqual(server.texts, []);
    server.onDatagram = () => server.channel.close();
    turned.settle();
    assert.deepEqual([server.texts, server.closings], [['one'], 1]);
    client.send('x');
    client.channel.close();
    client.channel.close();
    assert.equal(client.send('x'), true);
    assert.equal(client.closings, 0);
    turned.settle();
    assert.deepEqual([client.errors, client.closings], [[], 1]);
  });

  it('that is cancelled while it is opened keeps no port', () => {
    const never = { succeeded: () => assert.fail('told'), failed: () => assert.fail('told') };
    const target = {
      family: 4,
      localAddress: at('127.0.0.1', 9),
      remoteAddress: null,
      reusePort: false,
      allowBroadcast: false,
    } as const;
    const opening = a.driver.datagrams?.open(target, never);
    opening?.cancel();
    opening?.cancel();
    open(a, { localAddress: at('127.0.0.1', 9) });
  });
});

describe('simulated Unix datagrams', () => {
  beforeEach(() => begin());
  const server = { path: '/run/server' };

  it('arrive whole on the same host, with their sender, and are nothing to others', () => {
    const receiver = open(a, { localAddress: server });
    const named = open(a, { localAddress: { path: '/run/client' }, remoteAddress: server });
    const unnamed = open(a, { family: 'unix' });
    named.send('named');
    unnamed.send('unnamed', server);
    turned.settle();
    assert.deepEqual(receiver.texts, ['named', 'unnamed']);
    assert.deepEqual(receiver.from, [{ path: '/run/client' }, { path: '' }]);
    receiver.send('answer', { path: '/run/client' });
    turned.settle();
    assert.deepEqual(named.texts, ['answer']);
    assert.equal(refusal(b, { remoteAddress: server }).code, 'ENOENT');
  });

  it('wait with the sender while the receiver has more than ten, in order', () => {
    const receiver = open(a, { localAddress: server }, false);
    const sender = open(a, { remoteAddress: server });
    const data = new Uint8Array(100);
    const taken = Array.from({ length: 30 }, (_, index) => sender.send(data.fill(index)));
    assert.deepEqual(taken, [...new Array(11).fill(true), ...new Array(19).fill(false)]);
    turned.settle();
    assert.equal(sender.progress.length, 0);
    receiver.channel.startReading();
    turned.settle();
    assert.deepEqual(
      receiver.data.map(([first]) => first),
      Array.from({ length: 30 }, (_, index) => index),
    );
    assert.deepEqual(sender.progress.at(-1), [0, 0]);
    const counts = sender.progress.map(([count, byteCount]) => {
      assert.equal(byteCount, count * 100);
      return count;
    });
    assert.deepEqual(
      counts,
      counts.toSorted((x, y) => y - x),
    );
  });

  it('pause the protocol of a sender that is ahead of its receiver', async () => {
    const loopFactory = () => newEventLoop({ driver: new World().addMachine('a').boot() });
    const calls = await run(
      function* () {
        const loop = getRunningLoop();
        const calls: string[] = [];
        let received = 0;
        const all = loop.createFuture<void>();
        yield* loop.createDatagramEndpoint(
          () => ({
            datagramReceived: () => {
              if (++received === 40) all.setResult();
            },
          }),
          { localAddress: server },
        );
        const [transport] = yield* loop.createDatagramEndpoint(
          () => ({
            pauseWriting: () => void calls.push('pause'),
            resumeWriting: () => void calls.push('resume'),
          }),
          { remoteAddress: server },
        );
        transport.setWriteBufferLimits({ high: 1000, low: 0 });
        for (let sends = 0; sends < 40; sends++) transport.sendto(new Uint8Array(92));
        assert.equal(transport.getWriteBufferSize(), 29 * 100);
        yield* all;
        assert.equal(transport.getWriteBufferSize(), 0);
        transport.close();
        return calls;
      },
      { loopFactory, runner: 'blocking' },
    );
    assert.deepEqual(calls, ['pause', 'resume']);
  });

  it('of one sender fill no more than its own buffer', () => {
    const receiver = open(a, { localAddress: server }, false);
    const sender = open(a, { remoteAddress: server });
    const taken = Array.from({ length: 4 }, () => sender.send(new Uint8Array(100_000)));
    assert.deepEqual(taken, [true, true, true, false]);
    const other = open(a, { remoteAddress: server });
    assert.equal(other.send('x'), true);
    receiver.channel.startReading();
    turned.settle();
    assert.equal(receiver.data.length, 5);
    sender.send(new Uint8Array(212_961));
    turned.settle();
    assert.deepEqual(sender.codes, ['EMSGSIZE']);
    assert.equal(
      sender.errors[0]?.message,
      'Cannot send a datagram to /run/server: message too long (EMSGSIZE)',
    );
  });

  it('that wait fail when the receiver is closed', () => {
    const receiver = open(a, { localAddress: server }, false);
    const sender = open(a, { remoteAddress: server });
    const unconnected = open(a, { family: 'unix' });
    for (let sends = 0; sends < 13; sends++) sender.send('x');
    unconnected.send('x', server);
    receiver.channel.close();
    turned.settle();
    assert.deepEqual(sender.codes, ['ECONNREFUSED', 'ENOTCONN']);
    assert.deepEqual(unconnected.codes, ['ENOENT']);
    assert.deepEqual([sender.progress, unconnected.progress], [[[0, 0]], [[0, 0]]]);
  });

  it('reach a connected socket from its peer alone', () => {
    const receiver = open(a, { localAddress: server });
    const client = open(a, { localAddress: { path: '/run/client' }, remoteAddress: server });
    const other = open(a, { family: 'unix' });
    other.send('x', { path: '/run/client' });
    receiver.send('y', { path: '/run/client' });
    turned.settle();
    assert.deepEqual([other.codes, client.texts], [['EPERM'], ['y']]);
    assert.equal(refusal(a, { remoteAddress: { path: '/run/client' } }).code, 'EPERM');
  });

  it('have names that a later socket takes over, abstract ones excepted', () => {
    const first = open(a, { localAddress: server });
    const second = open(a, { localAddress: server });
    const sender = open(a, { family: 'unix' });
    sender.send('to the second', server);
    first.channel.close();
    sender.send('still', server);
    turned.settle();
    assert.deepEqual([first.texts, second.texts], [[], ['to the second', 'still']]);
    const abstract = { path: '\0server' };
    const only = open(a, { localAddress: abstract });
    const error = refusal(a, { localAddress: abstract });
    assert.equal(error.code, 'EADDRINUSE');
    assert.match(error.message, /^Cannot open a datagram endpoint on @server: /);
    only.channel.close();
    assert.equal(refusal(a, { remoteAddress: abstract }).code, 'ECONNREFUSED');
    open(a, { localAddress: abstract });
  });

  it('refuse a path that is too long', () => {
    const path = `/${'x'.repeat(107)}`;
    assert.equal(refusal(a, { localAddress: { path } }).code, 'EINVAL');
    const sender = open(a, { family: 'unix' });
    assert.throws(
      () => sender.send('x', { path }),
      (error) => error instanceof SystemError && error.code === 'EINVAL',
    );
    open(a, { localAddress: { path: path.slice(1) } });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Task } from '../../src/coroutines/index.ts';
import {
  type ConnectionOptions,
  GroupError,
  type Protocol,
  type ResolvedAddress,
  SystemError,
  TimeoutError,
  type Transport,
} from '../../src/interface/index.ts';
import { ConnectRace, interleaved } from '../../src/runtime/connect.ts';
import { ScriptedChannel } from '../transports/scripted-channel.ts';
import { ScriptedDriver } from './scripted-driver.ts';

type Connection = [transport: Transport, protocol: Protocol];

function connect(driver: ScriptedDriver, options: ConnectionOptions): Task<Connection> {
  const task = start(driver, () => ({}), options);
  driver.settle();
  return task;
}

function start(
  driver: ScriptedDriver,
  factory: () => Protocol,
  options: ConnectionOptions,
): Task<Connection> {
  const task = driver.loop.createTask(driver.loop.createConnection(factory, options));
  // Looked at now, so that it is not reported before the test looks at it.
  task.addDoneCallback(() => task.cancelled() || task.exception());
  return task;
}

/** A connection to a name that stands for these addresses. */
function connectToName(
  driver: ScriptedDriver,
  addresses: readonly string[],
  options: ConnectionOptions = {},
): Task<Connection> {
  const task = connect(driver, { host: 'name', port: 80, ...options });
  driver.lookups[0]?.answer(...addresses);
  driver.settle();
  return task;
}

function address(host: string): ResolvedAddress {
  return { host, port: 80, family: host.includes(':') ? 6 : 4, type: 'stream' };
}

describe('the addresses of a host', () => {
  const hosts = (...names: string[]) => names.map(address);
  const order = (firstCount: number, ...names: string[]) =>
    interleaved(hosts(...names), firstCount).map(({ host }) => host);

  it('alternate between the families, the first one first', () => {
    assert.deepEqual(order(1, '::1', '::2', '::3', '4.1', '4.2'), ['::1', '4.1', '::2', '4.2', '::3']);
    assert.deepEqual(order(1, '4.1', '::1', '::2', '4.2'), ['4.1', '::1', '4.2', '::2']);
  });

  it('begin with as many of the first family as is asked for', () => {
    assert.deepEqual(order(2, '::1', '::2', '::3', '4.1', '4.2'), ['::1', '::2', '4.1', '::3', '4.2']);
    assert.deepEqual(order(9, '::1', '::2', '4.1', '4.2'), ['::1', '::2', '4.1', '4.2']);
  });

  it('stay as they are if there is one family, or none', () => {
    assert.deepEqual(order(1, '4.1', '4.2'), ['4.1', '4.2']);
    assert.deepEqual(order(1), []);
  });
});

describe('connecting to a host', () => {
  it('asks the resolver for what it cannot know (B-LOOP-027)', () => {
    for (const [host, port] of [
      ['name', 80],
      ['192.0.2.1', 'http'],
      ['fe80::1%eth0', 80],
      ['192.0.2.256', 80],
      ['', 80],
    ] as const) {
      const driver = new ScriptedDriver();
      connect(driver, { host, port });
      assert.deepEqual(
        driver.lookups.map((lookup) => [lookup.host, lookup.service]),
        [[host, port]],
      );
    }
  });

  it('does not ask for a literal address with a number for a port (B-LOOP-027)', () => {
    for (const [host, given, port] of [
      ['192.0.2.1', 80, 80],
      ['192.0.2.1', '80', 80],
      ['192.0.2.1', '', 0],
      ['192.0.2.1', undefined, 0],
      ['2001:db8::1', 80, 80],
      ['::ffff:192.0.2.1', 80, 80],
    ] as const) {
      const driver = new ScriptedDriver();
      connect(driver, { host, port: given });
      assert.equal(driver.lookups.length, 0);
      const [attempt] = driver.attempts;
      assert.deepEqual(attempt?.target, { kind: 'internet', host, port, family: host.includes(':') ? 6 : 4 });
    }
  });

  it('fails if the resolver has no address (B-CONN-002)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, []);
    const error = task.exception();
    assert.ok(error instanceof SystemError && error.code === 'EAI_NONAME');
    assert.match(error.message, /^Cannot resolve name: /);
  });

  it('fails as the resolver does', () => {
    const driver = new ScriptedDriver();
    const task = connect(driver, { host: 'name', port: 80 });
    driver.lookups[0]?.fail('ENOTFOUND');
    driver.settle();
    assert.equal((task.exception() as SystemError).code, 'ENOTFOUND');
  });

  it('hands on what the look-up is to look for', () => {
    const driver = new ScriptedDriver();
    connect(driver, { host: 'name', port: 80, family: 6, flags: 32 });
    assert.deepEqual(driver.lookups[0]?.options, { family: 6, flags: 32, type: 'stream' });
  });

  it('tries the addresses in order until one connects (B-CONN-003)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['4.1', '4.2', '4.3']);
    assert.deepEqual(driver.tried, ['4.1']);
    driver.attempts[0]?.fail('ECONNREFUSED');
    driver.settle();
    assert.deepEqual(driver.tried, ['4.1', '4.2']);
    const channel = new ScriptedChannel();
    driver.attempts[1]?.succeed(channel);
    driver.settle();
    const [transport] = task.result();
    assert.equal(transport.getExtraInfo('peername'), channel.remoteAddress);
    driver.advance(10_000);
    assert.deepEqual(driver.tried, ['4.1', '4.2']);
  });

  it('fails with the error of the only address as it is (B-CONN-004)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['4.1']);
    driver.attempts[0]?.fail('ECONNREFUSED', 'Cannot connect to 4.1');
    driver.settle();
    const error = task.exception() as SystemError;
    assert.deepEqual([error.code, error.message], ['ECONNREFUSED', 'Cannot connect to 4.1']);
  });

  it('fails with one error if all addresses fail alike (B-CONN-004)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['4.1', '4.2']);
    for (const attempt of [0, 1]) {
      driver.attempts[attempt]?.fail('ENETUNREACH', 'no network');
      driver.settle();
    }
    assert.equal((task.exception() as SystemError).message, 'no network');
  });

  it('sums up different errors in one, which has them as its cause (B-CONN-004)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['4.1', '4.2']);
    driver.attempts[0]?.fail('ECONNREFUSED', 'first');
    driver.settle();
    driver.attempts[1]?.fail('ETIMEDOUT', 'second');
    driver.settle();
    const error = task.exception();
    assert.ok(error instanceof SystemError);
    assert.deepEqual([error.code, error.message], ['ECONNREFUSED', 'Cannot connect: first; second']);
    assert.deepEqual(
      (error.cause as GroupError).errors.map(({ message }: Error) => message),
      ['first', 'second'],
    );
  });

  it('gives all errors as a group if asked to (B-CONN-004)', () => {
    for (const count of [1, 2]) {
      const driver = new ScriptedDriver();
      const task = connectToName(driver, ['4.1', '4.2'].slice(0, count), { allErrors: true });
      for (let attempt = 0; attempt < count; attempt++) {
        driver.attempts[attempt]?.fail('ECONNREFUSED', `number ${attempt}`);
        driver.settle();
      }
      const error = task.exception();
      assert.ok(error instanceof GroupError);
      assert.equal(error.errors.length, count);
    }
  });
});

describe('connecting from an address', () => {
  it('binds to the one of the same family, and skips what has none (B-CONN-006)', () => {
    const driver = new ScriptedDriver();
    connect(driver, { host: 'name', port: 80, localAddress: { host: 'here', port: 5 } });
    driver.lookups[0]?.answer('::1', '4.1', '4.2');
    driver.settle();
    assert.deepEqual([driver.lookups[1]?.host, driver.lookups[1]?.service], ['here', 5]);
    driver.lookups[1]?.answer('4.9');
    driver.settle();
    assert.deepEqual(driver.tried, ['4.1']);
    assert.deepEqual(driver.attempts[0]?.options, { localAddress: { host: '4.9', port: 5 } });
  });

  it('fails if no family fits, and says which address it was (B-CONN-006)', () => {
    const driver = new ScriptedDriver();
    const task = connect(driver, {
      host: '2001:db8::1',
      port: 80,
      localAddress: { host: '192.0.2.1', port: 5 },
    });
    const error = task.exception();
    assert.ok(error instanceof SystemError);
    assert.deepEqual([error.code, error.address, error.port], ['EADDRNOTAVAIL', '192.0.2.1', 5]);
    assert.match(error.message, /192\.0\.2\.1/);
    assert.equal(driver.attempts.length, 0);
  });
});

describe('happy eyeballs', () => {
  it('try the next address beside the one that takes its time, after 250 ms (B-STAG-002)', () => {
    const driver = new ScriptedDriver();
    connectToName(driver, ['::1', '::2', '4.1']);
    driver.advance(249);
    assert.deepEqual(driver.underWay, ['::1']);
    driver.advance(1);
    assert.deepEqual(driver.underWay, ['::1', '4.1']);
    driver.advance(249);
    assert.equal(driver.tried.length, 2);
    driver.advance(1);
    assert.deepEqual(driver.underWay, ['::1', '4.1', '::2']);
    driver.advance(10_000);
    assert.equal(driver.tried.length, 3);
  });

  it('take the delay and the order that they are given', () => {
    const driver = new ScriptedDriver();
    connectToName(driver, ['::1', '::2', '4.1'], { happyEyeballsDelay: 10, interleave: 2 });
    driver.advance(20);
    assert.deepEqual(driver.underWay, ['::1', '::2', '4.1']);
  });

  it('keep the resolver’s order if told to', () => {
    const driver = new ScriptedDriver();
    connectToName(driver, ['::1', '::2', '4.1'], { happyEyeballsDelay: 10, interleave: 0 });
    driver.advance(20);
    assert.deepEqual(driver.underWay, ['::1', '::2', '4.1']);
  });

  it('can be switched off: then one address after the other, in the resolver’s order', () => {
    const driver = new ScriptedDriver();
    connectToName(driver, ['::1', '::2', '4.1'], { happyEyeballsDelay: null });
    driver.advance(60_000);
    assert.deepEqual(driver.tried, ['::1']);
    driver.attempts[0]?.fail('ETIMEDOUT');
    driver.settle();
    assert.deepEqual(driver.underWay, ['::2']);
  });

  it('go on at once when an attempt has failed, and count the delay from there (B-STAG-002)', () => {
    const driver = new ScriptedDriver();
    connectToName(driver, ['::1', '4.1', '::2']);
    driver.advance(200);
    driver.attempts[0]?.fail('ENETUNREACH');
    driver.settle();
    assert.deepEqual(driver.underWay, ['4.1']);
    driver.advance(249);
    assert.deepEqual(driver.underWay, ['4.1']);
    driver.advance(1);
    assert.deepEqual(driver.underWay, ['4.1', '::2']);
  });

  it('end with the first that connects, and give up the others (B-CONN-003, B-STAG-003)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['::1', '4.1', '::2', '4.2']);
    driver.advance(500);
    assert.deepEqual(driver.underWay, ['::1', '4.1', '::2']);
    const channel = new ScriptedChannel();
    driver.attempts[1]?.succeed(channel);
    driver.settle();
    assert.equal(task.result()[0].getExtraInfo('peername'), channel.remoteAddress);
    assert.deepEqual(
      driver.attempts.map(({ cancelled }) => cancelled),
      [true, false, true],
    );
    driver.advance(10_000);
    assert.equal(driver.tried.length, 3);
    assert.equal(driver.loop.timeUntilNextTimer(), null);
  });

  it('wait for the last attempt when the others have failed, and tell of all (B-STAG-004)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['::1', '4.1'], { allErrors: true });
    driver.advance(250);
    driver.attempts[1]?.fail('ECONNREFUSED', 'second');
    driver.settle();
    assert.equal(task.done(), false);
    driver.attempts[0]?.fail('ETIMEDOUT', 'first');
    driver.settle();
    assert.deepEqual(
      (task.exception() as GroupError).errors.map(({ message }: Error) => message),
      ['second', 'first'],
    );
  });

  it('that nobody wins and nobody loses end in a timeout (B-CONN-007, B-STAG-001)', () => {
    const driver = new ScriptedDriver();
    const race = new ConnectRace(driver.loop, [], null, false);
    assert.ok(race.exception() instanceof TimeoutError);
  });

  it('take one winner if two connect in the same turn, and close the other', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['::1', '4.1']);
    driver.advance(250);
    const first = new ScriptedChannel();
    const second = new ScriptedChannel();
    driver.attempts[0]?.succeed(first);
    driver.attempts[1]?.succeed(second);
    driver.settle();
    assert.equal(task.result()[0].getExtraInfo('peername'), first.remoteAddress);
    // The driver closes what was connected when it was cancelled; a channel that got through all the same is ours.
    assert.equal(driver.attempts[1]?.cancelled, true);
  });
});

describe('a connection that is cancelled', () => {
  it('while the name is looked up gives up the look-up', () => {
    const driver = new ScriptedDriver();
    const task = connect(driver, { host: 'name', port: 80 });
    task.cancel();
    driver.settle();
    assert.deepEqual([task.cancelled(), driver.lookups[0]?.cancelled], [true, true]);
  });

  it('while connecting gives up all attempts and the timer (B-STAG-006)', () => {
    const driver = new ScriptedDriver();
    const task = connectToName(driver, ['::1', '4.1', '::2']);
    driver.advance(250);
    task.cancel();
    driver.settle();
    assert.equal(task.cancelled(), true);
    assert.deepEqual(driver.underWay, []);
    assert.equal(driver.loop.timeUntilNextTimer(), null);
  });

  it('when the socket is there and the task does not know yet is closed, after connectionMade', () => {
    const driver = new ScriptedDriver();
    const calls: string[] = [];
    const protocol: Protocol = {
      connectionMade: () => void calls.push('connectionMade'),
      connectionLost: (error) => void calls.push(`connectionLost ${error}`),
    };
    const task = start(driver, () => protocol, { host: '192.0.2.1', port: 80 });
    driver.settle();
    const channel = new ScriptedChannel();
    driver.attempts[0]?.succeed(channel);
    driver.loop.runOnce(0);
    task.cancel();
    driver.settle();
    assert.equal(task.cancelled(), true);
    assert.deepEqual(calls, ['connectionMade', 'connectionLost null']);
    assert.equal(channel.asked.at(-1), 'close');
  });

  it('before its first step gives up the attempt as it is made', () => {
    const driver = new ScriptedDriver();
    const task = start(driver, () => ({}), { host: '192.0.2.1', port: 80 });
    task.cancel();
    driver.settle();
    assert.deepEqual([task.cancelled(), driver.underWay], [true, []]);
  });
});

describe('a protocol factory that fails', () => {
  it('closes the socket and fails the call with its error', () => {
    const failure = new Error('no');
    for (const factory of [
      () => {
        throw failure;
      },
      () => undefined as never,
    ]) {
      const driver = new ScriptedDriver();
      const task = start(driver, factory, { host: '192.0.2.1', port: 80 });
      driver.settle();
      const channel = new ScriptedChannel();
      driver.attempts[0]?.succeed(channel);
      driver.settle();
      const error = task.exception();
      assert.ok(error === failure || error instanceof TypeError);
      assert.deepEqual(channel.asked, ['abort']);
    }
  });
});

describe('what createConnection is given', () => {
  const { loop } = new ScriptedDriver();
  const make = (options: unknown) => loop.createConnection(() => ({}), options as ConnectionOptions);
  const socket = { fd: 9, family: 4, type: 'stream', close() {} };

  it('is either host and port, or a socket (B-CONN-001)', () => {
    assert.throws(() => make({}), RangeError);
    assert.throws(() => make({ host: 'name', socket }), RangeError);
    assert.throws(() => make({ port: 80, socket }), RangeError);
  });

  it('may be a socket only where the driver has sockets (B-CONN-001)', () => {
    assert.throws(() => make({ socket }), {
      name: 'NotSupportedError',
      feature: 'sockets',
      driver: 'scripted',
    });
  });

  it('has no TLS options without TLS, and no TLS where the driver has none (B-CONN-008, B-CONN-009)', () => {
    for (const name of ['serverHostname', 'sslHandshakeTimeout', 'sslShutdownTimeout']) {
      assert.throws(() => make({ host: 'name', port: 80, [name]: 'x' }), RangeError);
      assert.throws(() => make({ host: 'name', port: 80, ssl: false, [name]: 'x' }), RangeError);
    }
    assert.throws(() => make({ host: 'name', port: 80, ssl: true }), {
      name: 'NotSupportedError',
      feature: 'tls',
    });
  });

  it('is looked at in the call', () => {
    const type = [
      { host: 7, port: 80 },
      { host: 'name', port: {} },
      { host: 'name', port: 80, localAddress: { host: 7 } },
    ];
    const range = [
      { host: 'name', port: -1 },
      { host: 'name', port: 65_536 },
      { host: 'name', port: '65536' },
      { host: 'name', port: 0.5 },
      { host: 'name', port: Number.NaN },
      { host: '127.0.0.1\0.example', port: 80 },
      { host: 'name', port: 80, localAddress: { host: 'here', port: 70_000 } },
      { host: 'name', port: 80, happyEyeballsDelay: -1 },
      { host: 'name', port: 80, happyEyeballsDelay: Number.NaN },
      { host: 'name', port: 80, interleave: -1 },
      { host: 'name', port: 80, interleave: 0.5 },
    ];
    for (const options of type) assert.throws(() => make(options), TypeError);
    for (const options of range) assert.throws(() => make(options), RangeError);
    assert.throws(() => loop.createConnection({} as never, { host: 'name', port: 80 }), TypeError);
  });
});

import assert from 'node:assert/strict';
import { V4MAPPED } from 'node:dns';
import { beforeEach, describe, it } from 'node:test';
import type { NameOptions } from '../../../src/drivers/simulation/index.ts';
import { type ResolvedAddress, type ResolveOptions, SystemError } from '../../../src/interface/index.ts';
import { type TurnedHost, TurnedWorld } from './turned-hosts.ts';

const AI_PASSIVE = 0x1;
const AI_CANONNAME = 0x2;
const AI_NUMERICHOST = 0x4;
const NI_NUMERICHOST = 1;
const NI_NUMERICSERV = 2;
const NI_NAMEREQD = 8;
const NI_DGRAM = 16;

const never = { succeeded: () => assert.fail('told'), failed: () => assert.fail('told') };

describe('simulated names', () => {
  let turned: TurnedWorld;
  let client: TurnedHost;

  beforeEach(() => {
    turned = new TurnedWorld();
    client = turned.host('client');
    turned.host('Server');
  });

  const lookup = (host: string | null, service: string | number | null = 80, options: ResolveOptions = {}) =>
    turned.answer<ResolvedAddress[]>((completion) =>
      client.driver.names?.lookup(host, service, options, completion),
    );
  const hosts = (host: string | null, options: ResolveOptions = {}) =>
    lookup(host, 80, options).map((found) => found.host);
  const reverse = (host: string, port: number, flags = 0) =>
    turned.answer<[string, string]>((completion) =>
      client.driver.names?.reverse({ host, port }, flags, completion),
    );
  const failure =
    (code: string, message: RegExp, errno?: number, syscall = 'getaddrinfo') =>
    (error: unknown) => {
      assert.ok(error instanceof SystemError, String(error));
      assert.deepEqual([error.code, error.errno, error.syscall], [code, errno, syscall]);
      assert.match(error.message, message);
      return true;
    };

  it('are those of the hosts, whatever their case, with a dot or without, IPv4 first', () => {
    for (const name of ['Server', 'server', 'SERVER.']) {
      assert.deepEqual(lookup(name), [
        { host: '10.0.0.2', port: 80, family: 4, type: 'stream' },
        { host: 'fd00::2', port: 80, family: 6, type: 'stream' },
      ]);
    }
    assert.deepEqual(hosts('client'), ['10.0.0.1', 'fd00::1']);
    assert.deepEqual(hosts('server', { family: 4 }), ['10.0.0.2']);
    assert.deepEqual(hosts('server', { family: 6 }), ['fd00::2']);
  });

  it('localhost is the host itself', () => {
    for (const name of ['localhost', 'LocalHost', 'localhost.'])
      assert.deepEqual(hosts(name), ['127.0.0.1', '::1']);
    assert.deepEqual(hosts('localhost', { family: 6 }), ['::1']);
  });

  it('stand for the addresses to bind to, or of this host, where none is given', () => {
    for (const none of [null, '']) {
      assert.deepEqual(hosts(none), ['127.0.0.1', '::1']);
      assert.deepEqual(hosts(none, { flags: AI_PASSIVE }), ['0.0.0.0', '::']);
      assert.deepEqual(hosts(none, { flags: AI_PASSIVE, family: 6 }), ['::']);
    }
  });

  it('may be literal addresses, which keep their form', () => {
    for (const host of ['192.0.2.1', '::1', 'FD00::0:2', 'fe80::1%eth0'])
      assert.deepEqual(hosts(host), [host]);
    const refused = failure('EAI_ADDRFAMILY', /^Cannot resolve ::1: .+ \(EAI_ADDRFAMILY\)$/, -3000);
    assert.throws(() => lookup('::1', 80, { family: 4 }), refused);
    assert.deepEqual(hosts('127.0.0.1', { family: 6, flags: V4MAPPED }), ['::ffff:127.0.0.1']);
  });

  it('that nobody knows fail as on Linux', () => {
    for (const name of ['nobody', 'server.example', '1.2', 'a b', '.', 'x'.repeat(300)])
      assert.throws(
        () => lookup(name),
        failure('ENOTFOUND', /^Cannot resolve .+: unknown node or service \(ENOTFOUND\)$/, -3008),
      );
    assert.throws(() => lookup('server', 80, { flags: AI_NUMERICHOST }), SystemError);
    const refused = failure('EAI_BADFLAGS', /^Cannot resolve server: bad ai_flags value/, -3002);
    assert.throws(() => lookup('server', 80, { flags: 0x4000_0000 }), refused);
  });

  it('come with the official one if that is asked for', () => {
    const [first, second] = lookup('server', 80, { flags: AI_CANONNAME });
    assert.deepEqual([first?.canonicalName, second?.canonicalName], ['Server', undefined]);
    assert.equal('canonicalName' in (lookup('server')[0] ?? {}), false);
  });

  it('take services by name and by number (B-LOOP-027)', () => {
    for (const [service, type, port] of [
      ['http', 'stream', 80],
      ['https', undefined, 443],
      ['ftp', 'stream', 21],
      ['ssh', 'stream', 22],
      ['smtp', 'stream', 25],
      ['domain', 'datagram', 53],
      ['ntp', 'datagram', 123],
      ['8080', 'stream', 8080],
      [0, 'stream', 0],
      ['', 'stream', 0],
      [null, 'stream', 0],
    ] as const) {
      for (const host of ['127.0.0.1', 'localhost', null])
        assert.equal(lookup(host, service, { type })[0]?.port, port, `${host} ${service}`);
    }
    const unknown = failure('EAI_SERVICE', /^Cannot resolve server: service not available/, -3010);
    assert.throws(() => lookup('server', 'no-such-service'), unknown);
    assert.throws(() => lookup('server', 'ftp', { type: 'datagram' }), unknown);
    for (const service of [' 80', '-1', '65536', 65_536, -1, 1.5, 'http\0'])
      assert.throws(() => lookup('server', service), failure('EAI_SERVICE', /^Cannot resolve service /));
  });

  it('are found by address, with the service', () => {
    assert.deepEqual(reverse('10.0.0.2', 80), ['Server', 'http']);
    assert.deepEqual(reverse('FD00:0::2', 8123), ['Server', '8123']);
    assert.deepEqual(reverse('127.0.0.1', 69), ['localhost', '69']);
    assert.deepEqual(reverse('::1', 69, NI_DGRAM), ['localhost', 'tftp']);
    assert.deepEqual(reverse('10.0.0.2', 80, NI_NUMERICHOST | NI_NUMERICSERV), ['10.0.0.2', '80']);
    assert.deepEqual(reverse('192.0.2.9', 80), ['192.0.2.9', 'http']);
    assert.throws(
      () => reverse('192.0.2.9', 80, NI_NAMEREQD),
      failure('ENOTFOUND', /^Cannot look up 192\.0\.2\.9: /, -3008, 'getnameinfo'),
    );
    assert.throws(
      () => reverse('server', 80),
      failure('EAI_NONAME', /^Cannot look up server: not a literal address$/, undefined, 'getnameinfo'),
    );
  });

  it('of others take time to look up, and what the host knows itself takes none', () => {
    const durations = (host: string | null) => {
      const begin = turned.world.now;
      lookup(host);
      return Math.round((turned.world.now - begin) * 1000) / 1000;
    };
    const taken = Array.from({ length: 50 }, () => durations('server'));
    assert.ok(taken.every((duration) => duration >= 0.5 && duration <= 5));
    assert.ok(new Set(taken).size > 40, 'not always the same');
    for (const host of [null, 'localhost', 'client', '10.0.0.2', '192.0.2.1'])
      assert.equal(durations(host), 0, String(host));
    turned.world.names.options = { latency: 250 };
    assert.equal(durations('server'), 250);
  });

  it('fail for now as often as the world has it, and otherwise not', () => {
    const outcomes = (failing: number, seed: number) => {
      turned = new TurnedWorld({ seed, names: { failure: failing } });
      client = turned.host('client');
      turned.host('server');
      return Array.from({ length: 100 }, () => {
        try {
          return lookup('server').length;
        } catch (error) {
          failure('EAI_AGAIN', /^Cannot resolve server: temporary failure \(EAI_AGAIN\)$/, -3001)(error);
          return 'again';
        }
      });
    };
    assert.deepEqual(new Set(outcomes(0, 1)), new Set([2]));
    assert.deepEqual(new Set(outcomes(1, 1)), new Set(['again']));
    const some = outcomes(0.3, 1);
    const failed = some.filter((outcome) => outcome === 'again').length;
    assert.ok(failed > 10 && failed < 50, `${failed} of 100`);
    assert.deepEqual(outcomes(0.3, 1), some, 'the same again from the same seed');
    assert.notDeepEqual(outcomes(0.3, 2), some);
    assert.equal(hosts('localhost').length, 2);
    turned.world.names.options = { failure: 1 };
    assert.throws(() => reverse('10.0.0.2', 80), SystemError);
    assert.deepEqual(reverse('10.0.0.1', 80), ['client', 'http']);
  });

  it('that fail are in the trace', () => {
    const noted: string[] = [];
    turned.world.trace = { note: ({ host, kind, text }) => void noted.push(`${host} ${kind}: ${text}`) };
    turned.world.names.options = { failure: 1 };
    assert.throws(() => lookup('server'), SystemError);
    assert.deepEqual(noted, ['client fault: the look-up of server fails: EAI_AGAIN']);
  });

  it('that were given up are not heard of, and leave nothing behind', () => {
    const { names } = client.driver;
    for (const host of ['server', 'localhost', '127.0.0.1', 'nobody'])
      names?.lookup(host, 80, {}, never).cancel();
    assert.equal(turned.world.nextEvent, Infinity);
    const asked = names?.lookup('server', 80, {}, never);
    turned.world.advanceTo(100);
    asked?.cancel();
    asked?.cancel();
    turned.settle();
  });

  it('that were given up when the answer was on its way are not heard of', () => {
    const told: number[] = [];
    turned.world.names.options = { latency: 1 };
    const both = [0, 1].map((index) =>
      client.driver.names?.lookup(
        'server',
        80,
        {},
        {
          succeeded: () => {
            told.push(index);
            both[1 - index]?.cancel();
          },
          failed: never.failed,
        },
      ),
    );
    turned.settle();
    assert.deepEqual(told, [0]);
  });

  it('asked by a program that has ended are answered to nobody', () => {
    client.driver.names?.lookup('server', 80, {}, never);
    client.driver.close();
    assert.equal(turned.world.nextEvent, Infinity);
    turned.settle();
  });

  it('may be given to a host besides its own, also to one after the other', () => {
    const { names } = turned.world;
    names.alias('db.example', 'Server');
    names.alias('far.example', '192.0.2.7');
    assert.deepEqual(hosts('DB.example'), ['10.0.0.2', 'fd00::2']);
    assert.equal(lookup('db.example', 80, { flags: AI_CANONNAME })[0]?.canonicalName, 'Server');
    assert.deepEqual(hosts('far.example'), ['192.0.2.7']);
    names.alias('db.example', 'client');
    assert.deepEqual(hosts('db.example', { family: 4 }), ['10.0.0.1']);
    assert.deepEqual([names.removeAlias('DB.example'), names.removeAlias('db.example')], [true, false]);
    assert.throws(() => lookup('db.example'), SystemError);
    for (const name of ['', 'a b', '-x', 'a..b', '10.0.0.1', 'x'.repeat(64), 5 as never])
      assert.throws(() => names.alias(name, 'client'), /^RangeError: Cannot name it /);
    assert.throws(() => names.alias('db', 'nobody'), RangeError);
  });

  it('need options that mean something', () => {
    const { names } = turned.world;
    const given = (options: unknown) => () => {
      names.options = options as NameOptions;
    };
    assert.throws(given({ latency: -1 }), RangeError);
    for (const wrong of [null, 5, { latency: 'long' }]) assert.throws(given(wrong), TypeError);
    for (const failing of [-0.1, 1.1, NaN]) assert.throws(given({ failure: failing }), RangeError);
    names.options = { failure: 0.5 };
    assert.deepEqual(names.options, { failure: 0.5 });
  });
});

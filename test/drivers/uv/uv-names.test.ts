import assert from 'node:assert/strict';
import { lookupService, lookup as nodeLookup } from 'node:dns';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { UvNames } from '../../../src/drivers/uv/index.ts';
import { type ResolvedAddress, type ResolveOptions, SystemError } from '../../../src/interface/index.ts';
import { ffi } from '../../../src/syscalls/index.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';
import { programCommand } from '../../support/run-program.ts';
import { BlockedDriver } from './blocked-driver.ts';

const AI_PASSIVE = 0x1;
const AI_CANONNAME = 0x2;
const AI_NUMERICHOST = 0x4;
const AI_V4MAPPED = 0x8;
const NI_NUMERICHOST = 1;
const NI_NUMERICSERV = 2;

const never = { succeeded: () => assert.fail('told'), failed: () => assert.fail('told') };

describe('names by libuv', { timeout: 60_000 }, () => {
  let driver: BlockedDriver;
  let names: UvNames;

  beforeEach(() => {
    driver = new BlockedDriver();
    names = new UvNames(driver.loop);
  });
  afterEach(() => driver.close());

  const lookup = (host: string | null, service: string | number | null, options: ResolveOptions = {}) => {
    const answer = driver.answer<ResolvedAddress[]>((completion) =>
      names.lookup(host, service, options, completion),
    );
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const reverse = (host: string, port: number, flags = 0) => {
    const answer = driver.answer<[string, string]>((completion) =>
      names.reverse({ host, port }, flags, completion),
    );
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const code =
    (wanted: string, syscall = 'getaddrinfo') =>
    (error: unknown) => {
      assert.ok(error instanceof SystemError, String(error));
      assert.deepEqual([error.code, error.syscall], [wanted, syscall]);
      return true;
    };

  it('arrive while the thread is blocked, and are those that Node finds', async () => {
    const found = lookup('localhost', 80);
    const expected = await promisify(nodeLookup)('localhost', { all: true, verbatim: true });
    assert.deepEqual(
      found,
      expected.map(({ address, family }) => ({ host: address, port: 80, family, type: 'stream' })),
    );
  });

  it('take services by name, by number and by a number in words (B-LOOP-027)', () => {
    for (const [service, port] of [
      ['https', 443],
      ['443', 443],
      [443, 443],
      ['', 0],
      [null, 0],
    ] as const) {
      for (const host of ['127.0.0.1', 'localhost']) {
        const [first] = lookup(host, service, { family: 4 });
        assert.deepEqual(
          first,
          { host: '127.0.0.1', port, family: 4, type: 'stream' },
          `${host}, ${service}`,
        );
      }
    }
    const datagrams = lookup('127.0.0.1', 'domain', { type: 'datagram' });
    assert.deepEqual(datagrams, [{ host: '127.0.0.1', port: 53, family: 4, type: 'datagram' }]);
  });

  it('refuse what is no service', () => {
    for (const service of ['no-such-service', ' 80', '-1', '+80', '65536', 65_536, -1, 1.5, 'http\0']) {
      assert.throws(() => lookup('127.0.0.1', service), code('EAI_SERVICE'), String(service));
    }
  });

  it('give the addresses to bind to, or of this machine, where there is no host', () => {
    const hosts = (service: string | number | null, options: ResolveOptions = {}) =>
      lookup(null, service, options).map(({ host, port }) => [host, port]);
    for (const [service, port] of [
      [8080, 8080],
      ['http', 80],
      [null, 0],
    ] as const) {
      assert.deepEqual(hosts(service, { family: 4 }), [['127.0.0.1', port]]);
      assert.deepEqual(hosts(service, { family: 6 }), [['::1', port]]);
      assert.deepEqual(hosts(service, { flags: AI_PASSIVE, family: 4 }), [['0.0.0.0', port]]);
      assert.deepEqual(hosts(service, { flags: AI_PASSIVE }).sort(), [
        ['0.0.0.0', port],
        ['::', port],
      ]);
    }
  });

  it('know literal addresses without a thread, keeping their scope', () => {
    for (const [host, family] of [
      ['127.0.0.1', 4],
      ['::1', 6],
      ['fe80::1%lo', 6],
    ] as const) {
      assert.deepEqual(lookup(host, 80), [{ host, port: 80, family, type: 'stream' }]);
    }
    assert.equal(driver.readable, false, 'libuv was asked');
    assert.deepEqual(
      lookup('fe80::1%lo', 'http').map(({ host }) => host),
      ['fe80::1%lo'],
    );
  });

  it('pass the flags on', () => {
    const [canonical] = lookup('localhost', 80, { flags: AI_CANONNAME, family: 4 });
    assert.equal(canonical?.canonicalName, 'localhost');
    assert.equal('canonicalName' in (lookup('localhost', 80)[0] ?? {}), false);
    assert.deepEqual(
      lookup('127.0.0.1', 80, { family: 6, flags: AI_V4MAPPED }).map(({ host }) => host),
      ['::ffff:127.0.0.1'],
    );
    assert.throws(() => lookup('localhost', 80, { flags: AI_NUMERICHOST }), code('ENOTFOUND'));
    assert.throws(() => lookup('localhost', 80, { flags: 0x4000_0000 }), code('EAI_BADFLAGS'));
  });

  it('that nobody knows fail as Node has it', () => {
    assert.throws(
      () => lookup('does-not-exist.invalid', 80),
      (error: SystemError) => {
        assert.match(error.message, /^Cannot resolve does-not-exist\.invalid: .+ \((ENOTFOUND|EAI_AGAIN)\)$/);
        assert.equal(error.syscall, 'getaddrinfo');
        assert.ok((error.errno ?? 0) <= -3000);
        return true;
      },
    );
    assert.throws(() => lookup('x'.repeat(300), 80), SystemError);
    assert.throws(() => lookup('::1', 80, { family: 4 }), SystemError);
  });

  it('are found by address, with the service', async () => {
    const { hostname, service } = await promisify(lookupService)('127.0.0.1', 80);
    assert.deepEqual(reverse('127.0.0.1', 80), [hostname, service]);
    assert.deepEqual(reverse('127.0.0.1', 80, NI_NUMERICHOST | NI_NUMERICSERV), ['127.0.0.1', '80']);
    assert.deepEqual(reverse('fe80::1%lo', 1, NI_NUMERICHOST | NI_NUMERICSERV), ['fe80::1%lo', '1']);
    assert.throws(() => reverse('localhost', 80), code('EAI_NONAME', 'getnameinfo'));
  });

  it('keep the host alive while they are looked up, and no longer', () => {
    const first = names.lookup('localhost', 80, {}, never);
    let answered = false;
    const second = names.lookup(
      'localhost',
      80,
      {},
      {
        succeeded: () => {
          answered = true;
        },
        failed: never.failed,
      },
    );
    assert.equal(driver.refs, 2);
    first.cancel();
    first.cancel();
    assert.equal(driver.refs, 1);
    driver.blockUntil(() => answered);
    assert.equal(driver.refs, 0);
    second.cancel();
    assert.equal(driver.refs, 0);
  });

  it('that were given up are not heard of, whenever that was', () => {
    for (const [host, service] of [
      ['localhost', 80],
      ['does-not-exist.invalid', 80],
      ['127.0.0.1', 80],
      ['127.0.0.1', '-1'],
    ] as const) {
      names.lookup(host, service, {}, never).cancel();
    }
    const answered = names.lookup('localhost', 80, {}, never);
    // It may have been answered meanwhile, and the answer be queued.
    driver.loop.run();
    answered.cancel();
    lookup('localhost', 80);
  });

  it('that were given up when the answer was on its way are not heard of', () => {
    const told: number[] = [];
    const both = [0, 1].map((index) =>
      names.lookup(
        '127.0.0.1',
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
    driver.turn();
    assert.deepEqual(told, [0]);
  });

  it('come by the hundred, whatever is collected meanwhile', async () => {
    const found: ResolvedAddress[][] = [];
    for (let count = 0; count < 500; count++) {
      names.lookup(
        'localhost',
        count,
        { family: 4 },
        { succeeded: (addresses) => found.push(addresses), failed: never.failed },
      );
      if (count % 5 === 0) names.lookup('localhost', 1, {}, never).cancel();
      if (count % 50 === 0) await collectGarbage();
    }
    driver.blockUntil(() => found.length === 500);
    await collectGarbage();
    assert.deepEqual(
      found.flat().map(({ host }) => host),
      new Array(500).fill('127.0.0.1'),
    );
    assert.deepEqual(
      found.map(([first]) => first?.port).sort((a = 0, b = 0) => a - b),
      Array.from({ length: 500 }, (_, index) => index),
    );
  });

  it('need one loop of libuv’s for each driver that uses it, and give it back', () => {
    const descriptors = new Set<number>();
    for (let count = 0; count < 100; count++) {
      const driver = new BlockedDriver();
      const lookup = new UvNames(driver.loop).lookup('localhost', 80, {}, never);
      descriptors.add(driver.descriptor);
      if (count % 2 === 0) lookup.cancel();
      driver.close();
    }
    assert.ok(descriptors.size < 50, `${descriptors.size} different descriptors`);
  });

  it('asked on behalf of a loop that was closed are not heard of by the next', () => {
    for (let round = 0; round < 20; round++) {
      const former = new BlockedDriver();
      for (let count = 0; count < 20; count++) {
        new UvNames(former.loop).lookup('localhost', 80, {}, never);
      }
      former.close();
      former.close();
      const next = new BlockedDriver();
      assert.equal(
        (
          next.answer<ResolvedAddress[]>((completion) =>
            new UvNames(next.loop).lookup('localhost', round, {}, completion),
          ) as ResolvedAddress[]
        )[0]?.port,
        round,
      );
      next.close();
    }
  });

  it('arrive in a guest of Node’s loop too', async () => {
    const { watch } = ffi();
    assert.ok(watch !== null);
    const answers: ResolvedAddress[][] = [];
    await new Promise<void>((resolve) => {
      names.lookup(
        'localhost',
        80,
        {},
        { succeeded: (addresses) => answers.push(addresses), failed: never.failed },
      );
      const watched = watch(driver.descriptor, () => {
        driver.loop.run();
        driver.turn();
        if (answers.length === 0) return;
        watched.close();
        resolve();
      });
    });
    assert.equal(answers[0]?.[0]?.port, 80);
  });

  it('arrive in a worker thread, which may be ended meanwhile', async () => {
    const { args } = programCommand('test/drivers/uv/looking-up.ts');
    const start = (end: string) =>
      new Worker(args.at(-1) as string, { execArgv: args.slice(0, -1), argv: [end] });
    const patient = start('when answered');
    const [[message], [ended]] = await Promise.all([once(patient, 'message'), once(patient, 'exit')]);
    assert.deepEqual([message, ended], [100, 0]);
    for (let count = 0; count < 10; count++) {
      const worker = start('at any time');
      await once(worker, 'message');
      await worker.terminate();
    }
    // The threads of libuv write to where the ended ones have asked them to before they come to this.
    lookup('localhost', 80);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NodeDriver } from '../../src/drivers/node/index.ts';
import type { Driver, NameOperations, ResolveOptions } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { EventLoop, run } from '../../src/runtime/index.ts';

/** A loop whose resolver writes down what it is asked and answers with one address. */
function recordingLoop(): { loop: EventLoop; asked: unknown[][] } {
  const asked: unknown[][] = [];
  const names: NameOperations = {
    lookup(host, service, options, completion) {
      asked.push([host, service]);
      queueMicrotask(() =>
        completion.succeeded([{ family: 4, type: options.type ?? 'stream', host: '192.0.2.1', port: 7 }]),
      );
      return { cancel() {} };
    },
    reverse: () => assert.fail('not asked for'),
  };
  const driver = new NodeDriver();
  const loop = new EventLoop(
    new Proxy<Driver>(driver, {
      get(target, key) {
        if (key === 'names') return names;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  );
  return { loop, asked };
}

function lookUp(host: string | null, port: number | string | null, options?: ResolveOptions) {
  const { loop, asked } = recordingLoop();
  return run(
    async () => ({
      answer: await getRunningLoop().getaddrinfo(host, port, options),
      asked: asked.length > 0,
    }),
    { loopFactory: () => loop },
  );
}

describe('getaddrinfo (B-LOOP-027)', () => {
  const literals: [host: string, port: number | string | null, family: 4 | 6, expected: number][] = [
    ['127.0.0.1', 80, 4, 80],
    ['127.0.0.1', '80', 4, 80],
    ['255.255.255.255', 65_535, 4, 65_535],
    ['0.0.0.0', null, 4, 0],
    ['0.0.0.0', '', 4, 0],
    ['::1', 443, 6, 443],
    ['::', '0', 6, 0],
    ['2001:db8::8:800:200c:417a', 1, 6, 1],
    ['::ffff:192.0.2.1', 1, 6, 1],
  ];

  for (const [host, port, family, expected] of literals) {
    it(`answers ${host} with port ${JSON.stringify(port)} without asking the resolver`, async () => {
      const { answer, asked } = await lookUp(host, port);
      assert.equal(asked, false);
      assert.deepEqual(answer, [{ family, type: 'stream', host, port: expected }]);
    });
  }

  const others: [why: string, host: string | null, port: number | string | null, options?: ResolveOptions][] =
    [
      ['a name', 'example.org', 80],
      ['a service by name', '127.0.0.1', 'http'],
      ['a scoped address', 'fe80::1%lo', 80],
      ['no host', null, 80],
      ['an empty host', '', 80],
      ['an address of another family than wanted', '127.0.0.1', 80, { family: 6 }],
      ['what only looks like an address', '256.0.0.1', 80],
      ['an address with leading zeros', '127.0.0.01', 80],
    ];

  for (const [why, host, port, options] of others) {
    it(`asks the resolver about ${why}`, async () => {
      const { answer, asked } = await lookUp(host, port, options);
      assert.equal(asked, true);
      assert.equal(answer[0]?.host, '192.0.2.1');
    });
  }

  it('keeps the type that was asked for', async () => {
    const { answer } = await lookUp('127.0.0.1', 53, { type: 'datagram' });
    assert.equal(answer[0]?.type, 'datagram');
  });

  it('refuses ports that are none', async () => {
    for (const port of [-1, 65_536, 1.5, NaN]) await assert.rejects(lookUp('127.0.0.1', port), RangeError);
  });
});

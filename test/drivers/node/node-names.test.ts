import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NodeNames } from '../../../src/drivers/node/node-names.ts';
import type { ResolvedAddress, ResolveOptions, SystemError } from '../../../src/interface/index.ts';

const names = new NodeNames({
  dispatch: (callback, argument) => callback(argument),
  inTurn: false,
  enqueue: () => assert.fail('nothing to queue'),
  callLater: () => assert.fail('nothing to do later'),
  refsChanged: () => {},
  pollDescriptorChanged: () => {},
  report: () => {},
});

function lookup(
  host: string | null,
  service: string | number | null,
  options: ResolveOptions = {},
): Promise<ResolvedAddress[]> {
  return new Promise((succeeded, failed) => {
    names.lookup(host, service, options, { succeeded, failed });
  });
}

describe('names by the platform’s resolver', { timeout: 20_000 }, () => {
  it('take a number for a service, written either way, and nothing as 0 (B-LOOP-027)', async () => {
    for (const [service, port] of [
      [80, 80],
      ['80', 80],
      ['', 0],
      [null, 0],
    ] as const) {
      assert.deepEqual(await lookup('127.0.0.1', service), [
        { host: '127.0.0.1', port, family: 4, type: 'stream' },
      ]);
    }
  });

  it('know no names of services, and say so', async () => {
    for (const service of ['http', '0x50', ' 80', '-1', '65536', 1.5]) {
      await assert.rejects(
        lookup('127.0.0.1', service),
        (error: SystemError) => error.code === 'EAI_SERVICE',
      );
    }
  });

  it('keep the scope of an address', async () => {
    const [found] = await lookup('fe80::1%lo', 80);
    assert.deepEqual([found?.host, found?.family], ['fe80::1%lo', 6]);
  });

  it('take the flags that Node knows, and no others', async () => {
    // AI_V4MAPPED and AI_NUMERICSERV, as getaddrinfo(3) has them on Linux
    assert.equal((await lookup('127.0.0.1', 80, { flags: 0x8 | 0x400 })).length, 1);
  });

  it('say what a host without an address is, in the words of the platform', async () => {
    await assert.rejects(lookup('does-not-exist.invalid', 80), (error: SystemError) => {
      assert.match(error.message, /^Cannot resolve does-not-exist\.invalid: /);
      return error.syscall === 'getaddrinfo';
    });
  });

  it('known at once are told a little later all the same', () => {
    const told = () => assert.fail('from inside the call');
    names.lookup(null, 80, {}, { succeeded: told, failed: told }).cancel();
    names.lookup('localhost', 'http', {}, { succeeded: told, failed: told }).cancel();
    names.reverse({ host: 'localhost', port: 80 }, 0, { succeeded: told, failed: told }).cancel();
  });

  it('that were given up are not heard of', async () => {
    const heard = () => assert.fail('given up');
    const operation = names.lookup('localhost', 80, {}, { succeeded: heard, failed: heard });
    operation.cancel();
    operation.cancel();
    await lookup('localhost', 80);
  });
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { ffi, Memory } from '../../src/syscalls/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { repositoryRoot } from '../support/run-program.ts';

describe('memory with an address', () => {
  it('stays where it is, whatever is collected', async () => {
    const small = new Memory(16);
    const large = new Memory(1_000_000);
    const before = [small.address, large.address];
    for (let count = 0; count < 5; count++) {
      Array.from({ length: 10_000 }, () => ({ count }));
      await collectGarbage();
    }
    assert.deepEqual(
      [small, large].map(({ bytes }) => ffi().addressOf(bytes)),
      before,
    );
    assert.deepEqual([small.address, large.address], before);
    small.bytes[3] = 7;
    assert.equal(new Uint8Array(ffi().viewAt(small.at(3, 1), 1))[0], 7);
    assert.equal(small.view.getUint8(3), 7);
  });

  it('tells no address outside of it', () => {
    const memory = new Memory(16);
    assert.equal(memory.at(0, 16), memory.address);
    assert.equal(memory.at(16, 0), memory.address + 16);
    assert.equal(memory.byteLength, 16);
    for (const [offset, byteCount] of [
      [0, 17],
      [1, 16],
      [17, 0],
      [-1, 1],
      [8, -1],
      [Number.NaN, 1],
      [0, Number.NaN],
    ]) {
      assert.throws(() => memory.at(offset as number, byteCount as number), RangeError);
    }
  });

  it('cannot be taken away', () => {
    const memory = new Memory(16);
    const { buffer } = memory.bytes;
    const { port1 } = new MessageChannel();
    const attempts = [
      () => port1.postMessage(buffer, [buffer]),
      () => structuredClone(buffer, { transfer: [buffer] }),
      () => (buffer as { transfer?: () => void }).transfer?.(),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
      } catch {
        // Refused, by newer Nodes; older ones copy.
      }
      // A Node between them may let `transfer` do it: then nobody learns where the memory was.
      if (buffer.byteLength === 0) assert.throws(() => memory.address, /transferred/);
      else assert.ok(memory.address > 0);
    }
    port1.close();
  });
});

/**
 * The second arguments of the calls by address (`recvAt(fd, HERE, …)`) in a source text. They are simple enough to be
 * read without a parser; whoever makes them more complicated is told to keep them simple.
 */
function passedAddresses(source: string): string[] {
  return [
    ...source.matchAll(/(?<![\w.]function )\b#?(?:recv|recvfrom|send|read|write)At\(([^,()]*),\s*([^,]*),/g),
  ].map(([, , address]) => (address as string).trim());
}

describe('calls by address', () => {
  const ofMemory = /^(?:this\.)?#?\w+(?:\.\w+|\.#\w+)*\.(?:address(?: \+ this\.#used)?|at\(.*)$/;

  it('take addresses of Memory objects only', () => {
    let seen = 0;
    for (const file of readdirSync(join(repositoryRoot, 'src'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const source = readFileSync(join(repositoryRoot, 'src', file), 'utf8');
      for (const address of passedAddresses(source)) {
        seen++;
        assert.match(address, ofMemory, `src/${file} passes ${address}`);
        const [, field = ''] = /#?(\w+)\.(?:address|at\()/.exec(address) ?? [];
        assert.match(
          source,
          new RegExp(`\\b#?${field}(?:: \\w+)? = new Memory\\(|#${field} = new Memory\\(`),
          `src/${file} passes ${address}, which it has from elsewhere`,
        );
      }
    }
    assert.ok(seen > 0, 'nothing was looked at');
  });

  it('are seen by this test', () => {
    assert.deepEqual(passedAddresses('libc().recvAt(fd, address, 8, 0); this.#readAt(this.fd, ffi.at, 8)'), [
      'address',
      'ffi.at',
    ]);
    assert.doesNotMatch('address', ofMemory);
    assert.match('this.#memory.address', ofMemory);
  });
});

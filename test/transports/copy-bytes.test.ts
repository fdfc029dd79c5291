import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { copyBytes } from '../../src/transports/copy-bytes.ts';

describe('a copy of some bytes', () => {
  it('is as they were, and stays so', () => {
    for (const byteCount of [1, 100, 2048, 2049, 32_768, 32_769, 100_000]) {
      const bytes = new Uint8Array(byteCount).fill(7);
      const copies = Array.from({ length: 20 }, () => copyBytes(bytes));
      bytes.fill(0);
      for (const copy of copies) {
        assert.equal(copy.length, byteCount);
        assert.ok(copy.every((byte) => byte === 7));
      }
      copies[3]?.fill(1);
      assert.ok(copies.every((copy, index) => copy[0] === (index === 3 ? 1 : 7)));
    }
  });

  it('shares memory with others, but not so much that to keep a small one is to keep a large slab', () => {
    for (const [byteCount, slabBytes] of [
      [1, 16 * 1024],
      [2 * 1024, 16 * 1024],
      [2 * 1024 + 1, 128 * 1024],
      [32 * 1024, 128 * 1024],
      [32 * 1024 + 1, 32 * 1024 + 1],
    ] as const) {
      assert.equal(copyBytes(new Uint8Array(byteCount)).buffer.byteLength, slabBytes);
    }
  });

  it('cannot be transferred from under the feet of those who got others', () => {
    const first = copyBytes(new Uint8Array([1, 2, 3]));
    const second = copyBytes(new Uint8Array([4, 5, 6]));
    assert.equal(first.buffer, second.buffer);
    const { port1, port2 } = new MessageChannel();
    try {
      // Some versions of Node clone it instead.
      port1.postMessage(first, [first.buffer as ArrayBuffer]);
    } catch (error) {
      assert.equal((error as Error).name, 'DataCloneError');
    } finally {
      port1.close();
      port2.close();
    }
    assert.deepEqual([...second], [4, 5, 6]);
    assert.deepEqual([...copyBytes(new Uint8Array([7]))], [7]);
  });
});

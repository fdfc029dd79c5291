import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from '../../src/streams/byte-queue.ts';
import { compileSeparators, type Separator } from '../../src/streams/separators.ts';
import { propertyRuns } from '../support/property-runs.ts';

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function queueOf(...pieces: string[]): ByteQueue {
  const queue = new ByteQueue();
  for (const piece of pieces) queue.push(bytes(piece));
  return queue;
}

function search(queue: ByteQueue, separator: Separator | Separator[], from = 0) {
  return queue.search(compileSeparators(separator), from);
}

/** The first match by trying every end, from left to right: what the search must agree with. */
function searchPlainly(data: Uint8Array, separators: Uint8Array[], from: number) {
  const shortestFirst = separators.toSorted((a, b) => a.length - b.length);
  for (let end = from + 1; end <= data.length; end += 1) {
    for (const separator of shortestFirst) {
      const start = end - separator.length;
      if (start >= 0 && Buffer.compare(data.subarray(start, end), separator) === 0) return { start, end };
    }
  }
  return null;
}

describe('ByteQueue', () => {
  it('gives back what was pushed, across pieces', () => {
    const queue = queueOf('ab', 'cde', 'f');
    assert.equal(queue.byteCount, 6);
    assert.deepEqual(queue.take(1), bytes('a'));
    assert.deepEqual(queue.take(3), bytes('bcd'));
    queue.skip(1);
    assert.deepEqual(queue.take(1), bytes('f'));
    assert.equal(queue.byteCount, 0);
    assert.deepEqual(queue.take(0), new Uint8Array(0));
  });

  it('hands over a piece that is taken whole, without copying it', () => {
    const queue = new ByteQueue();
    const piece = Uint8Array.of(1, 2, 3);
    queue.push(piece);
    assert.equal(queue.take(3), piece);
  });

  it('hands over shared memory only where keeping the piece does not keep many times as much', () => {
    const queue = new ByteQueue();
    const slab = new Uint8Array(1600).fill(7);
    for (const [length, isHandedOver] of [
      [100, true],
      [99, false],
    ] as const) {
      queue.push(slab.subarray(0, length));
      const taken = queue.take(length);
      assert.deepEqual(taken, slab.slice(0, length));
      assert.equal(taken.buffer === slab.buffer, isHandedOver);
    }
  });

  it('gives parts of a piece as copies that share nothing with what stays', () => {
    const queue = queueOf('abcdef');
    queue.take(2).fill(0);
    const rest = queue.take(4);
    assert.deepEqual(rest, bytes('cdef'));
    assert.equal(rest.buffer.byteLength, 4);
  });

  it('shares no block of gathered pieces with what it gave out', () => {
    const queue = queueOf('a', 'b', 'c');
    queue.take(2).fill(0);
    queue.push(bytes('d'));
    queue.take(1).fill(0);
    queue.push(bytes('e'));
    assert.deepEqual(queue.take(2), bytes('de'));
  });

  it('gives plain byte arrays for subclasses of them', () => {
    const queue = new ByteQueue();
    queue.push(Buffer.from('node'));
    assert.equal(queue.take(4).constructor, Uint8Array);
  });

  it('finds a separator that pieces cut apart', () => {
    assert.deepEqual(search(queueOf('ab\r', '\n'), '\r\n'), { start: 2, end: 4 });
    assert.deepEqual(search(queueOf('x', 'S', 'E', 'P', 'y'), 'SEP'), { start: 1, end: 4 });
    assert.equal(search(queueOf('\n', 'x'), 'x\n'), null);
  });

  it('finds the separator that ends first, and of two that end together the shorter', () => {
    assert.deepEqual(search(queueOf('a--b;'), [';', '--']), { start: 1, end: 3 });
    assert.deepEqual(search(queueOf('xabcx'), ['abcx', 'bc']), { start: 2, end: 4 });
    assert.deepEqual(search(queueOf('xabc'), ['abc', 'c']), { start: 3, end: 4 });
  });

  it('looks for ends behind the given place only, and goes on behind earlier searches', () => {
    const queue = queueOf('a,b');
    assert.equal(search(queue, ',', 2), null);
    queue.push(bytes(',c'));
    assert.deepEqual(search(queue, ',', 3), { start: 3, end: 4 });
    assert.deepEqual(search(queue, ',', 0), { start: 1, end: 2 });
    queue.take(2);
    assert.deepEqual(search(queue, ',', 0), { start: 1, end: 2 });
  });

  it('agrees with a plain byte array, whatever is pushed, taken and searched', () => {
    const letter = fc.constantFrom(...bytes('ab\r\n'));
    const piece = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.uint8Array({ minLength: 1, maxLength: 6 }).map((a) => a.map((b) => 97 + (b % 3))),
      },
      {
        weight: 3,
        arbitrary: fc.array(letter, { minLength: 1, maxLength: 4 }).map((a) => Uint8Array.from(a)),
      },
      // Longer than what is gathered, and longer than a block.
      {
        weight: 1,
        arbitrary: fc.constantFrom(2048, 2049, 9000, 17000).map((size) => new Uint8Array(size).fill(98)),
      },
    );
    const pattern = fc.array(letter, { minLength: 1, maxLength: 3 }).map((a) => Uint8Array.from(a));
    const step = fc.oneof(
      piece.map((push) => ({ push })),
      fc.nat(20000).map((take) => ({ take })),
      fc.nat(8).map((take) => ({ take })),
      fc.nat(8).map((skip) => ({ skip })),
      fc.record({ separators: fc.array(pattern, { minLength: 1, maxLength: 3 }), from: fc.nat(12) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = new ByteQueue();
        let model: Uint8Array = new Uint8Array(0);
        for (const step of steps) {
          if ('push' in step) {
            model = Uint8Array.from([...model, ...step.push]);
            queue.push(step.push.slice());
          } else if ('take' in step) {
            const byteCount = Math.min(step.take, model.length);
            const taken = queue.take(byteCount);
            assert.deepEqual(taken, model.slice(0, byteCount));
            taken.fill(255);
            model = model.slice(byteCount);
          } else if ('skip' in step) {
            const byteCount = Math.min(step.skip, model.length);
            queue.skip(byteCount);
            model = model.slice(byteCount);
          } else {
            const from = Math.min(step.from, model.length);
            assert.deepEqual(
              search(queue, step.separators, from),
              searchPlainly(model, step.separators, from),
            );
          }
          assert.equal(queue.byteCount, model.length);
        }
      }),
      propertyRuns(300),
    );
  });

  it('takes a megabyte that comes byte by byte in time linear in it', { timeout: 20_000 }, () => {
    // Quadratic work would be half a terabyte of copying: the time-out is no matter of a slow machine.
    const byteCount = 1024 * 1024;
    const queue = new ByteQueue();
    const newline = compileSeparators('\n');
    for (let i = 0; i < byteCount; i += 1) {
      queue.push(Uint8Array.of(i === byteCount - 1 ? 10 : 97));
      const match = queue.search(newline, i);
      if (i < byteCount - 1) assert.equal(match, null);
      else assert.deepEqual(match, { start: i, end: i + 1 });
    }
    assert.equal(queue.take(byteCount).length, byteCount);
  });

  it('gives a megabyte byte by byte in time linear in it', { timeout: 20_000 }, () => {
    const byteCount = 1024 * 1024;
    const queue = new ByteQueue();
    for (let i = 0; i < byteCount; i += 1) queue.push(Uint8Array.of(i & 255));
    for (let i = 0; i < byteCount; i += 1) if (queue.take(1)[0] !== (i & 255)) assert.fail(`byte ${i}`);
    assert.equal(queue.byteCount, 0);
  });
});

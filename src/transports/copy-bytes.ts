import { countGivenBytes } from './young-collection.ts';

/**
 * A slab lives as long as any chunk of it is held: the smaller the chunks, the smaller it must be, or who keeps one of
 * them keeps a multiple of it.
 */
const slabs = [
  { chunkBytesMax: 2 * 1024, slabBytes: 16 * 1024 },
  { chunkBytesMax: 32 * 1024, slabBytes: 128 * 1024 },
] as const;

const { allocUnsafeSlow } = globalThis.Buffer ?? {};

class Slab {
  readonly #byteCount: number;
  #memory = new Uint8Array(0);
  #used = 0;

  constructor(byteCount: number) {
    this.#byteCount = byteCount;
  }

  take(byteCount: number): Uint8Array {
    if (this.#used + byteCount > this.#memory.length) {
      this.#memory = uncleared(this.#byteCount);
      // Who transferred one chunk to another thread would take the other receivers' along: it is cloned, or refused.
      globalThis.process?.getBuiltinModule?.('node:worker_threads').markAsUntransferable(this.#memory.buffer);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += byteCount;
    return this.#memory.subarray(start, this.#used);
  }
}

const [small, large] = slabs;
const smallSlab = new Slab(small.slabBytes);
const largeSlab = new Slab(large.slabBytes);

/**
 * A copy of `bytes` that the receiver may keep. All but the largest share slabs, because a buffer of its own costs several
 * times what copying does.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  let copy: Uint8Array;
  if (length <= small.chunkBytesMax) copy = smallSlab.take(length);
  else if (length <= large.chunkBytesMax) copy = largeSlab.take(length);
  else copy = uncleared(length);
  copy.set(bytes);
  return copy;
}

/** Memory that is written before anybody reads it: clearing it first costs as much as filling it. */
function uncleared(byteCount: number): Uint8Array<ArrayBuffer> {
  countGivenBytes(byteCount);
  if (allocUnsafeSlow === undefined) return new Uint8Array(byteCount);
  const { buffer, byteOffset } = allocUnsafeSlow(byteCount);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteCount);
}

/** Larger ones have memory of their own. */
const sharedBytesMax = 2 * 1024;
const slabBytes = 16 * 1024;

let slab = new Uint8Array(0);
let used = 0;

/**
 * Memory for what is taken of a writer, and becomes the reader's for good. Small pieces share slabs, because a buffer of
 * its own costs several times what filling it does.
 */
export function segmentMemory(byteCount: number): Uint8Array {
  if (byteCount > sharedBytesMax) return new Uint8Array(byteCount);
  if (used + byteCount > slab.length) {
    slab = new Uint8Array(slabBytes);
    // Who transferred one piece to another thread would take the other readers' along: it is cloned, or refused.
    globalThis.process?.getBuiltinModule?.('node:worker_threads').markAsUntransferable(slab.buffer);
    used = 0;
  }
  const start = used;
  used += byteCount;
  return slab.subarray(start, used);
}

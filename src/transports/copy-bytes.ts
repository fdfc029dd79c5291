const slabBytes = 16 * 1024;
const slabShareMax = 2 * 1024;

const { allocUnsafeSlow } = globalThis.Buffer ?? {};

let slab = newSlab();
let used = 0;

/**
 * A copy of `bytes` that the receiver may keep. Small ones share a slab, because a buffer of its own costs several times
 * what copying it does.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length > slabShareMax) {
    const copy = uncleared(bytes.length);
    copy.set(bytes);
    return copy;
  }
  if (used + bytes.length > slab.length) {
    slab = newSlab();
    used = 0;
  }
  const copy = slab.subarray(used, used + bytes.length);
  copy.set(bytes);
  used += bytes.length;
  return copy;
}

/** Memory that is written next, whole: clearing it first costs as much as filling it. */
function uncleared(byteCount: number): Uint8Array {
  if (allocUnsafeSlow === undefined) return new Uint8Array(byteCount);
  const { buffer, byteOffset } = allocUnsafeSlow(byteCount);
  return new Uint8Array(buffer, byteOffset, byteCount);
}

/** Who transferred one copy to another thread would take the other receivers' along: the buffer is cloned, or refused. */
function newSlab(): Uint8Array {
  const made = new Uint8Array(slabBytes);
  globalThis.process?.getBuiltinModule?.('node:worker_threads').markAsUntransferable(made.buffer);
  return made;
}

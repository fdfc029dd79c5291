const slabBytes = 16 * 1024;
const slabShareMax = 2 * 1024;

let slab = newSlab();
let used = 0;

/**
 * A copy of `bytes` that the receiver may keep. Small ones share a slab, because a buffer of its own costs several times
 * what copying it does.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length > slabShareMax) return new Uint8Array(bytes);
  if (used + bytes.length > slab.length) {
    slab = newSlab();
    used = 0;
  }
  const copy = slab.subarray(used, used + bytes.length);
  copy.set(bytes);
  used += bytes.length;
  return copy;
}

/** Who transferred one copy to another thread would take the other receivers' along: the buffer is cloned, or refused. */
function newSlab(): Uint8Array {
  const made = new Uint8Array(slabBytes);
  globalThis.process?.getBuiltinModule?.('node:worker_threads').markAsUntransferable(made.buffer);
  return made;
}

import type { Address } from './ffi/ffi.ts';
import { libc } from './libc.ts';

/**
 * A copy of C memory. Unlike a view of it, this is safe in a worker thread that may be terminated at any time: making a
 * view runs in the engine, and koffi ends the process where the engine refuses (FATAL ERROR: napi_throw).
 */
export function copyNative(address: Address, byteCount: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(byteCount));
  if (byteCount > 0) libc().memcpy(bytes, address, byteCount);
  return bytes;
}

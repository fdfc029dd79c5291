import { isMainThread } from 'node:worker_threads';
import type { Address } from './ffi/ffi.ts';
import { ffi } from './ffi/index.ts';
import { Memory } from './memory.ts';

/**
 * Has a descriptor closed when this worker thread ends, in whatever way: nobody else would, and a listening socket that
 * nobody has any more would go on taking connections. For descriptors that nobody else may close meanwhile. In the main
 * thread, whose end is that of the process, it does nothing.
 *
 * @returns takes it back; to be called before the descriptor is closed
 */
export function closeAtThreadEnd(fd: number): () => void {
  return callAtThreadEnd('close', fd);
}

/** In the same way has a file removed, of which nobody else may have the name then. @returns takes it back */
export function unlinkAtThreadEnd(path: string): () => void {
  if (isMainThread) return nothing;
  const name = new TextEncoder().encode(`${path}\0`);
  let memory: Memory | null = null;
  try {
    memory = new Memory(name.length);
  } catch {
    return nothing; // no foreign functions here, and so nobody to call
  }
  memory.bytes.set(name);
  const { address } = memory;
  const takeBack = callAtThreadEnd('unlink', address);
  namesKept.set(address, memory);
  return () => {
    takeBack();
    namesKept.delete(address);
  };
}

/** What hooks will read. */
const namesKept = new Map<Address, Memory>();

function callAtThreadEnd(name: 'close' | 'unlink', argument: number): () => void {
  if (isMainThread) return nothing;
  const backend = ffi();
  const callee = backend.addressOfSymbol(name);
  if (callee === null) return nothing;
  return backend.atThreadEnd?.(callee, argument) ?? nothing;
}

function nothing(): void {}

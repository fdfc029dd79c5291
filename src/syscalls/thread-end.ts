import { isMainThread } from 'node:worker_threads';
import { ffi } from './ffi/index.ts';

/**
 * Has a descriptor closed when this worker thread ends, in whatever way: nobody else would, and a listening socket that
 * nobody has any more would go on taking connections. For descriptors that nobody else may close meanwhile. In the main
 * thread, whose end is that of the process, it does nothing.
 *
 * @returns takes it back; to be called before the descriptor is closed
 */
export function closeAtThreadEnd(fd: number): () => void {
  if (isMainThread) return nothing;
  const backend = ffi();
  const close = backend.addressOfSymbol('close');
  if (close === null) return nothing;
  return backend.atThreadEnd?.(close, fd) ?? nothing;
}

function nothing(): void {}

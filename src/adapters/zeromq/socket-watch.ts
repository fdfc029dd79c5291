import { type EventLoop, NotSupportedError } from '../../interface/index.ts';
import { hasOwnWorld } from '../../loop/index.ts';
import { ffi } from '../../syscalls/index.ts';

/** Calls back in turns of the loop as long as the descriptor is readable. Of what it returns one call ends that. */
export type WatchDescriptor = (descriptor: number, callback: () => void) => () => void;

/**
 * By `addReader`; on Node's own loop, which has none, by what lets Node watch a descriptor.
 *
 * @throws {NotSupportedError} nothing real has a part in this loop, or nobody here watches descriptors
 */
export function watcherFor(loop: EventLoop): WatchDescriptor {
  if (hasOwnWorld(loop)) {
    throw notSupported('a simulated network has no way to the sockets of libzmq, which are real');
  }
  try {
    // Says at once what `addReader` would say.
    loop.removeReader(0);
    return (descriptor, callback) => {
      loop.addReader(descriptor, callback);
      return () => {
        if (!loop.isClosed()) loop.removeReader(descriptor);
      };
    };
  } catch (error) {
    if (!(error instanceof NotSupportedError)) throw error;
    const { watch } = ffi();
    if (watch === null) throw notSupported('nothing here watches a descriptor', error);
    return (descriptor, callback) => watchByHost(loop, watch, descriptor, callback);
  }
}

type HostWatch = NonNullable<ReturnType<typeof ffi>['watch']>;

function watchByHost(loop: EventLoop, watch: HostWatch, descriptor: number, callback: () => void) {
  let asked = false;
  const watched = watch(descriptor, () => {
    // The host tells of it again and again, until it was read.
    if (asked || loop.isClosed()) return;
    asked = true;
    loop.callSoon(() => {
      asked = false;
      if (!ended) callback();
    });
  });
  let ended = false;
  return () => {
    ended = true;
    watched.close();
  };
}

function notSupported(why: string, cause?: unknown): NotSupportedError {
  return new NotSupportedError('zeromq', 'loop', `Cannot use ZeroMQ on this loop: ${why}`, { cause });
}

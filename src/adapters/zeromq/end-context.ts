import { type Address, isDarwin } from '../../syscalls/index.ts';
import type { Libzmq } from './libzmq.ts';

const SIG_SETMASK = isDarwin ? 3 : 2;
const signalSetBytes = 128;
const EBUSY = 16;

/**
 * `zmq_ctx_term` waits until everything that was sent has gone, or its time to linger is over. So C calls it, in a thread of
 * its own, which has no part in this one and in no engine.
 *
 * @returns asks whether it has ended; where nobody can tell, it says so at once
 * @see zmq_ctx_term(3), pthread_create(3)
 */
export function endContext(libzmq: Libzmq, context: Address): () => boolean {
  const { pthread_create, pthread_sigmask, pthread_detach, pthread_tryjoin_np, addressOfTerm } = libzmq;
  const thread = new BigUint64Array(new ArrayBuffer(8));
  const before = new Uint8Array(new ArrayBuffer(signalSetBytes));
  // A thread begins with the mask of who made it. A signal would interrupt the wait, and is not for this thread.
  pthread_sigmask(SIG_SETMASK, new Uint8Array(new ArrayBuffer(signalSetBytes)).fill(255), before);
  // What it returns is an `int` where a pointer is due: in a register, of which nobody looks at the rest.
  const failed = pthread_create(thread, 0, addressOfTerm, context);
  pthread_sigmask(SIG_SETMASK, before, null);
  // Short of threads: its own will go on until the process ends.
  if (failed !== 0) return () => true;
  const id = Number(thread[0]);
  if (pthread_tryjoin_np === null) {
    pthread_detach(id);
    return () => true;
  }
  let ended = false;
  return () => {
    ended ||= pthread_tryjoin_np(id, null) !== EBUSY;
    return ended;
  };
}

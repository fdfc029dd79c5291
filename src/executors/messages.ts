import type { MessagePort } from 'node:worker_threads';
import type { Parcel } from '../threads/index.ts';
import type { ModuleOrigin } from './module-function.ts';

/** What a thread is given when it starts. */
export interface ThreadStart {
  /**
   * Where it answers, and finds what is to be rung then, a `Bell` or null: that of a loop which blocks the pool's thread, so
   * that the host there delivers nothing. It may begin to after a job has.
   */
  readonly answers: MessagePort;
}

/** From the pool to a thread, one at a time. */
export interface Order {
  readonly origin: ModuleOrigin;
  readonly args: unknown[];
}

/** Back from the thread. */
export type Outcome =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'thrown'; readonly thrown: Parcel }
  /** the thread ends, with its job undone */
  | { readonly kind: 'ended'; readonly code: number; readonly error: Parcel | null };

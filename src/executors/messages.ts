import type { MessagePort } from 'node:worker_threads';
import type { Bell } from '../interface/index.ts';
import type { Parcel } from '../threads/index.ts';
import type { ModuleOrigin } from './module-function.ts';

/** What a thread is given when it starts. */
export interface ThreadStart {
  /** where it answers */
  readonly answers: MessagePort;
}

/** From the pool to a thread, one at a time. */
export interface Order {
  readonly origin: ModuleOrigin;
  readonly args: unknown[];
  /** to be rung with the answer: of the loop that waits for it; null: the host delivers it */
  readonly bell: Bell | null;
  /** that loop blocks the thread, so that its host does nothing: neither print nor deliver */
  readonly hostless: boolean;
}

/** Back from the thread. */
export type Outcome =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'thrown'; readonly thrown: Parcel }
  /** the thread ends, with its job undone */
  | { readonly kind: 'ended'; readonly code: number; readonly error: Parcel | null };

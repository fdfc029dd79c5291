import type { Parcel } from './error-parcel.ts';
import type { CallerTicket } from './remote-caller.ts';

/** What the function that serves in a worker is given. */
export interface ServeWorker<Data = undefined> {
  /** of this worker, from 0 on; one that is started in the place of another has its number */
  readonly index: number;
  /** how many there are */
  readonly workers: number;
  /** for `startServer` or `loop.createServer` */
  readonly listen: ListenTogether;
  /** as given to `serveWorkers`, copied */
  readonly data: Data;
}

export interface ListenTogether {
  readonly host: string | readonly string[] | null;
  readonly port: number;
  readonly reusePort: true;
  readonly backlog?: number;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: string;
  readonly name: string;
  readonly driver: string;
  readonly context: ServeWorker<unknown>;
  readonly reports: CallerTicket<[WorkerReport]>;
}

export type WorkerReport =
  | { readonly kind: 'serving'; readonly port: number; readonly stop: CallerTicket<[grace: number]> }
  /** It ends; told as the last thing. */
  | { readonly kind: 'ended'; readonly code: number; readonly error: Parcel | null };

/** From thread to thread: calls, values, errors, and servers in several threads. */
export { ring } from './bell.ts';
export { type Parcel, packThrown, unpackThrown } from './error-parcel.ts';
export { type CallerTicket, RemoteCaller } from './remote-caller.ts';
export {
  type ServedWorkers,
  type ServeWorkersOptions,
  serveWorkers,
  type WorkerFailure,
} from './serve-workers.ts';
export type { ServeWorker } from './serving.ts';
export { ThreadsafeCaller } from './threadsafe-caller.ts';
export { takeMarked, transfer } from './transfer.ts';

// A thread that calls a ThreadsafeCaller, as its workerData says.
import { workerData } from 'node:worker_threads';
import { type CallerTicket, RemoteCaller, transfer } from 'tulipa';

export interface CallingTask {
  readonly ticket: CallerTicket<[n: number, bytes: Uint8Array | null]>;
  readonly way: 'count' | 'bytes' | 'exit' | 'wait';
  readonly count: number;
  /** for 'wait': 0 until the thread is to call; then 2 if it was refused as closed, else 3 */
  readonly gate: Int32Array;
}

const { ticket, way, count, gate } = workerData as CallingTask;
const remote = new RemoteCaller(ticket);

if (way === 'count') {
  for (let n = 0; n < count; n++) remote.call(n, null);
  remote.close();
} else if (way === 'bytes') {
  const bytes = new Uint8Array([1, 2, 3]);
  remote.call(0, transfer(bytes));
  remote.call(bytes.length, null);
  remote.close();
} else if (way === 'exit') {
  remote.call(0, null);
  process.exit(0);
} else {
  Atomics.wait(gate, 0, 0);
  let code = '';
  try {
    remote.call(0, null);
  } catch (error) {
    code = (error as { code: string }).code;
  }
  Atomics.store(gate, 0, code === 'ERR_CALLER_CLOSED' && remote.closed ? 2 : 3);
  Atomics.notify(gate, 0);
}

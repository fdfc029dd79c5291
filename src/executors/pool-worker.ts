// What runs in a thread of the pool: one order after the other.
import { parentPort, receiveMessageOnPort, type Transferable, workerData } from 'node:worker_threads';
import type { Bell } from '../interface/index.ts';
import { packThrown, ring, takeMarked } from '../threads/index.ts';
import type { Order, Outcome, ThreadStart } from './messages.ts';
import { callImported } from './module-function.ts';

const { answers } = workerData as ThreadStart;
let bell: Bell | null = null;
let lastError: unknown = null;

parentPort?.on('message', (order: Order) => void perform(order));
// Told by us as well as by the host: a loop that blocks its thread would not hear of the latter.
process.on('uncaughtExceptionMonitor', (error) => {
  lastError = error;
});
process.on('exit', (code) => {
  answer({ kind: 'ended', code, error: lastError === null ? null : packThrown(lastError) }, []);
});

async function perform(order: Order): Promise<void> {
  try {
    const result = await callImported(order.origin, order.args);
    await flushed();
    answer({ kind: 'result', result }, takeMarked([result]));
  } catch (error) {
    await flushed();
    answer({ kind: 'thrown', thrown: packThrown(error) }, []);
  }
}

function answer(outcome: Outcome, moved: object[]): void {
  answers.postMessage(outcome, moved as Transferable[]);
  look();
  if (bell !== null) ring(bell);
}

/** Whether somebody is to be rung. */
function look(): void {
  for (;;) {
    const received = receiveMessageOnPort(answers);
    if (received?.message === undefined) return;
    bell = received.message as Bell | null;
  }
}

/** What the job has printed passes through the main thread, and would be lost if this thread were ended before. */
async function flushed(): Promise<void> {
  look();
  if (bell !== null) return; // the main thread prints nothing now
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

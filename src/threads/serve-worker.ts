// What runs in a worker of serveWorkers.
import { workerData } from 'node:worker_threads';
import { createTask, ensureFuture, Future } from '../coroutines/index.ts';
import type { Awaitable, Server, Suspension, TaskSource } from '../interface/index.ts';
import { isRunnable, isSource, run } from '../runtime/index.ts';
import { packThrown } from './error-parcel.ts';
import { RemoteCaller } from './remote-caller.ts';
import type { ServeWorker, WorkerReport, WorkerStart } from './serving.ts';
import { ThreadsafeCaller } from './threadsafe-caller.ts';
import { transfer } from './transfer.ts';

type Serve = (worker: ServeWorker<unknown>) => unknown;

const { module, name, driver, context, reports } = workerData as WorkerStart;
const reporter = new RemoteCaller<[WorkerReport]>(reports);
let lastError: { readonly thrown: unknown } | null = null;

process.on('uncaughtExceptionMonitor', (thrown) => {
  lastError = { thrown };
});
process.on('exit', (code) => {
  if (!reporter.closed)
    reporter.call({ kind: 'ended', code, error: lastError === null ? null : packThrown(lastError.thrown) });
});

// Imported before the loop runs: while it blocks the thread nothing can be.
const serve: unknown = ((await import(module)) as Record<string, unknown>)[name];
if (typeof serve !== 'function')
  throw new TypeError(`Cannot serve: ${module} exports no function named ${name}`);
await run(() => serving(serve as Serve), { driver });

function* serving(serve: Serve): Generator<Suspension, void, unknown> {
  const asked = new Future<number>();
  const stop = new ThreadsafeCaller((grace: number) => {
    if (!asked.done()) asked.setResult(grace);
  });
  try {
    const server = yield* settled(serve(context));
    const address = isServer(server) ? server.sockets[0] : undefined;
    if (!isServer(server) || address === undefined || !('port' in address))
      throw new TypeError(`Cannot serve: what ${name} of ${module} has made is no server that listens`);
    const ticket = stop.createTicket();
    reporter.call(transfer({ kind: 'serving', port: address.port, stop: ticket }, [ticket.port]));
    yield* server.stop({ grace: yield* asked });
  } finally {
    stop.close();
  }
}

function* settled(made: unknown): Generator<Suspension, unknown, unknown> {
  if (!isRunnable(made)) return made;
  const running = made as Awaitable<unknown> | TaskSource<unknown>;
  return yield* ensureFuture(isSource(running) ? createTask(running) : running);
}

function isServer(value: unknown): value is Server {
  return typeof (value as Server | null)?.stop === 'function';
}

import { AsyncResource } from 'node:async_hooks';
import type { Future } from '../../coroutines/index.ts';
import {
  type DatagramTransport,
  type EventLoop,
  type Server,
  type Signal,
  type SocketAddress,
  StateError,
  type TimerHandle,
  type Waitable,
} from '../../interface/index.ts';
import { asyncOwner, type Context, copyContext, runOwnedBy } from '../../loop/index.ts';
import { EventLoop as LoopEventLoop } from '../../runtime/index.ts';
import { ForeignFuture } from '../common/foreign-future.ts';
import { type Startable, start } from '../common/start.ts';
import { Operations } from './operations.ts';
import type { PyCallable } from './pyodide.ts';
import { type Port, PythonStream } from './python-protocol.ts';

/**
 * One loop of asyncio, seen from here, and what it may ask of the loop of ours that it is on.
 *
 * Python is told of everything by the one function that it gave us, `tell(receiver, event, ...)`: the receiver is a number, the
 * event a method of it. Receivers that Python has made have positive numbers, those that are made here negative ones, and 0
 * is the loop. Objects of ours that Python holds, it lets go of when it collects garbage.
 */
export class LoopPort implements Port {
  readonly #loop: EventLoop;
  readonly #context: Context = copyContext();
  readonly #operations: Operations;
  #tell: PyCallable | null;
  #numbers = 0;
  #timer: TimerHandle | null = null;
  #stopped: Future<void> | null = null;
  /** what Python has under way, ended with its loop */
  readonly #transports = new Set<{ abort(): void }>();
  readonly #servers = new Set<Server>();
  readonly #awaited = new Map<number, Awaited>();

  /** @param tell destroyed by Python, which made it, when it closes its loop */
  constructor(loop: EventLoop, tell: PyCallable) {
    this.#loop = loop;
    this.#tell = tell;
    this.#operations = new Operations(loop, this);
  }

  /** Tells Python, which goes on at once. @throws {PythonError} what the receiver throws */
  tell(receiver: number, event: string, ...args: unknown[]): unknown {
    return this.#tell?.(receiver, event, ...args);
  }

  newNumber(): number {
    return --this.#numbers;
  }

  opened(transport: { abort(): void }): void {
    if (this.#tell === null) transport.abort();
    else this.#transports.add(transport);
  }

  closed(transport: { abort(): void }): void {
    this.#transports.delete(transport);
  }

  serves(server: Server): void {
    if (this.#tell === null) server.close();
    else this.#servers.add(server);
  }

  endServer(server: Server): void {
    this.#servers.delete(server);
    server.close();
  }

  /**
   * A future of what Python does, begun by one of the methods of its loop, which is given the number by which it tells the end.
   *
   * @throws {PythonError} it cannot be begun; {StateError} the loop of Python is closed
   */
  future<T>(begin: string, ...args: unknown[]): Future<T> {
    if (this.#tell === null) throw new StateError('ERR_LOOP_CLOSED', 'Cannot run Python: its loop is closed');
    return new ForeignFuture<T>(this.#loop, (outcome) => {
      const number = this.newNumber();
      this.#awaited.set(number, {
        ended: () => {
          let value: unknown;
          try {
            value = this.tell(number, 'result');
          } catch (error) {
            outcome.failed(error);
            return;
          }
          outcome.succeeded(value as T);
        },
        cancelled: (message) => outcome.cancelled(message),
      });
      try {
        this.tell(0, begin, number, scopeHere(), ...args);
      } catch (error) {
        this.#awaited.delete(number);
        throw error;
      }
      return (reason) => void this.tell(number, 'cancel', reasonOf(reason));
    });
  }

  // What Python calls: time and turns.

  readonly time = (): number => this.#loop.time();

  readonly soon = (): void => void this.#loop.callSoonIn(this.#context, this.#ready);

  /** @param when undefined: there is no timer any more */
  readonly at = (when: number | undefined): void => {
    this.#timer?.cancel();
    this.#timer = when === undefined ? null : this.#loop.callAtIn(this.#context, when, this.#due);
  };

  readonly #ready = (): void => void this.tell(0, 'ready');
  readonly #due = (): void => {
    this.#timer = null;
    this.tell(0, 'due');
  };

  /** Nothing can ever happen here again. */
  dead(): boolean {
    return this.#loop.isClosed();
  }

  running(): boolean {
    return this.#loop.isRunning();
  }

  /** Blocks until `stop`. @throws {StateError} the loop runs already; {NotSupportedError} its driver cannot block */
  run(): void {
    this.#stopped = this.#loop.createFuture<void>() as Future<void>;
    try {
      this.#loop.runUntilComplete(this.#stopped);
    } finally {
      this.#stopped = null;
    }
  }

  /**
   * A promise of `stop`, for a stack of Python's that is set aside. Of what a method returned, Pyodide would make a future on
   * the current loop, whichever that is.
   */
  get stopped(): Promise<void> {
    const stopped = this.#loop.createFuture<void>() as Future<void>;
    this.#stopped = stopped;
    return new Promise((resolve) => stopped.addDoneCallback(() => resolve()));
  }

  stop(): void {
    if (this.#stopped?.done() === false) this.#stopped.setResult();
  }

  /** Nothing is told any more. What is open is aborted. */
  close(): void {
    this.#tell = null;
    this.#timer?.cancel();
    this.#timer = null;
    for (const server of this.#servers) server.close();
    for (const transport of this.#transports) transport.abort();
    this.#servers.clear();
    this.#transports.clear();
    for (const { cancelled } of this.#awaited.values()) cancelled('the loop of Python was closed');
    this.#awaited.clear();
  }

  report(message: string, thrown: boolean): void {
    let exception: unknown;
    try {
      if (thrown) this.tell(0, 'rethrow');
    } catch (error) {
      exception = error;
    }
    this.#loop.callExceptionHandler({ message, ...(thrown ? { exception } : {}) });
  }

  // What Python calls: waits, both ways.

  /**
   * Begins `source`, a function with `args`, and tells the receiver how it ends.
   *
   * @param scope that in which the Python that asks was begun from here; undefined: it was not
   */
  waitFor(
    receiver: number,
    scope: Scope | undefined,
    source: Startable<unknown>,
    ...args: unknown[]
  ): Pending {
    if (typeof source !== 'function') return this.#tellEnd(receiver, start(source, this.#loop));
    const call = source as (...args: unknown[]) => PromiseLike<unknown>;
    const begin = () => (scope === undefined ? call(...args) : runIn(scope, () => call(...args)));
    const task = this.#loop.createTask(begin, { context: scope?.context ?? this.#context });
    return this.#tellEnd(receiver, start(task, this.#loop));
  }

  /** The same for something of the loop's. */
  perform(receiver: number, operation: Operation, ...args: unknown[]): Pending {
    const begin = this.#operations[operation] as (...args: unknown[]) => Waitable<unknown>;
    return this.#tellEnd(receiver, start(begin.apply(this.#operations, args), this.#loop));
  }

  #tellEnd(receiver: number, future: Future<unknown>): Pending {
    future.addDoneCallback(() =>
      future.tell({
        fulfilled: (value) => void this.tell(receiver, 'succeeded', value),
        failed: (error) => void this.tell(receiver, 'failed', error),
        cancelled: ({ reason }) => void this.tell(receiver, 'cancelled_there', reasonOf(reason)),
      }),
    );
    return { cancel: (message) => future.cancel(message) };
  }

  ended(number: number): void {
    const awaited = this.#awaited.get(number);
    this.#awaited.delete(number);
    awaited?.ended();
  }

  cancelled(number: number, message: string | undefined): void {
    const awaited = this.#awaited.get(number);
    this.#awaited.delete(number);
    awaited?.cancelled(message);
  }

  // What Python calls: the rest.

  /** Listens before it returns, at a literal address. @returns undefined: the driver cannot */
  serveNow(opener: number, host: string, port: number, backlog: number): Server | undefined {
    if (!(this.#loop instanceof LoopEventLoop)) return undefined;
    const options = { host, port, backlog, reusePort: false };
    const server = this.#loop.createServerNow(() => new PythonStream(this, opener), options);
    if (server === null) return undefined;
    this.serves(server);
    return server;
  }

  sendTo(
    transport: DatagramTransport,
    data: Uint8Array,
    address: string | [string, number] | undefined,
  ): void {
    if (address === undefined) transport.sendto(data);
    else transport.sendto(data, addressOf(address));
  }

  setLimits(transport: DatagramTransport, high: number | undefined, low: number | undefined): void {
    transport.setWriteBufferLimits({ high, low });
  }

  watchSignal(signal: Signal, receiver: number): void {
    this.#loop.addSignalHandler(signal, () => void this.tell(receiver, 'raised'));
  }

  unwatchSignal(signal: Signal): boolean {
    return this.#loop.removeSignalHandler(signal);
  }
}

type Operation = Exclude<keyof Operations, symbol>;

/** Where something was begun: for what that begins in turn. */
interface Scope {
  readonly resource: AsyncResource;
  readonly context: Context;
}

function scopeHere(): Scope {
  return { resource: new AsyncResource('Python'), context: copyContext() };
}

/** Calls back there, for the task that calls: its cancellation gets what the callback waits for. */
function runIn<T>({ resource }: Scope, callback: () => T): T {
  const owner = asyncOwner();
  return resource.runInAsyncScope(() => runOwnedBy(owner, callback));
}

/** What Python can do with something that it waits for. */
interface Pending {
  cancel(message?: string): boolean;
}

interface Awaited {
  ended(): void;
  cancelled(message: string | undefined): void;
}

function addressOf(address: string | [string, number]): SocketAddress {
  if (typeof address === 'string') return { path: address };
  const [host, port] = address;
  return { host, port, family: host.includes(':') ? 6 : 4 };
}

/** What Python is told of a reason: words. */
function reasonOf(reason: unknown): string | undefined {
  if (reason === undefined) return undefined;
  return reason instanceof Error ? reason.message : String(reason);
}

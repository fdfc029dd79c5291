import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type EventLoop, type Operation, StateError, type WakeupOperations } from '../interface/index.ts';
import { copyContext, getRunningLoop } from '../loop/index.ts';
import { EventLoop as OwnEventLoop } from '../runtime/index.ts';
import type { CallerTicket } from './remote-caller.ts';

/** So many calls are taken over at a time; then others get their turn. */
const callsMax = 256;

interface Line {
  readonly port: MessagePort;
  readonly flags: Int32Array<SharedArrayBuffer>;
}

/**
 * Lets other threads have a callback of this one called: what `call_soon_threadsafe` is where threads share functions.
 * Every thread that is to call gets a ticket, and makes a {@link RemoteCaller} of it there:
 *
 *     const caller = new ThreadsafeCaller((line: string) => console.log(line));
 *     const ticket = caller.createTicket();
 *     new Worker(file, { workerData: ticket, transferList: [ticket.port] });
 *
 *     const remote = new RemoteCaller(workerData); // in the worker
 *     remote.call('hello');
 *
 * It wakes a loop that blocks its thread as well as one that is a guest. The callback is called as by `callSoon`, in the
 * context in which this object was made. From its first ticket on it keeps the host alive, until it is closed or `unref`.
 *
 * @see asyncio's loop.call_soon_threadsafe
 */
export class ThreadsafeCaller<Args extends unknown[]> {
  readonly #loop: EventLoop;
  readonly #callback: (...args: Args) => void;
  readonly #context = copyContext();
  /** null: the host delivers */
  readonly #wakeups: WakeupOperations | null;
  readonly #lines = new Set<Line>();
  #ringing: Operation | null = null;
  #ref = true;
  #holds = false;
  #closed = false;

  /**
   * @param options `loop`: who calls the callback; the running loop unless given
   * @throws {StateError} no loop was given and none runs
   */
  constructor(callback: (...args: Args) => void, options: { loop?: EventLoop | undefined } = {}) {
    if (typeof callback !== 'function')
      throw new TypeError('Cannot make a caller: the callback is not a function');
    this.#loop = options.loop ?? getRunningLoop();
    this.#callback = callback;
    this.#wakeups = this.#loop instanceof OwnEventLoop ? this.#loop.wakeups : null;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** For one thread, and one RemoteCaller in it. @throws {StateError} closed, or the loop is */
  createTicket(): CallerTicket<Args> {
    if (this.#closed) throw new StateError('ERR_CALLER_CLOSED', 'Cannot make a ticket: the caller is closed');
    if (this.#loop.isClosed())
      throw new StateError('ERR_LOOP_CLOSED', 'Cannot make a ticket: the event loop is closed');
    const { port1: port, port2 } = new MessageChannel();
    const line: Line = { port, flags: new Int32Array(new SharedArrayBuffer(8)) };
    this.#lines.add(line);
    if (this.#wakeups === null) {
      port.on('message', (message: Args | null) => this.#take(line, message));
      if (!this.#ref) port.unref();
    } else {
      this.#ringing ??= this.#wakeups.onRing(() => this.#heard());
    }
    port.on('close', () => this.#drop(line));
    this.#hold();
    return { port: port2, flags: line.flags, bell: this.#wakeups?.bell ?? null };
  }

  /** Calls nothing any more, not even what is on its way. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const line of [...this.#lines]) this.#drop(line);
    this.#ringing?.cancel();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  ref(): this {
    return this.#setRef(true);
  }

  unref(): this {
    return this.#setRef(false);
  }

  hasRef(): boolean {
    return this.#ref;
  }

  #setRef(ref: boolean): this {
    this.#ref = ref;
    if (this.#wakeups === null) {
      for (const { port } of this.#lines) {
        if (ref) port.ref();
        else port.unref();
      }
    }
    this.#hold();
    return this;
  }

  /** As the ports do by themselves where the host listens to them. */
  #hold(): void {
    const wakeups = this.#wakeups;
    const holds = this.#ref && this.#lines.size > 0;
    if (wakeups === null || holds === this.#holds) return;
    this.#holds = holds;
    if (holds) wakeups.ref();
    else if (!this.#loop.isClosed()) wakeups.unref();
  }

  #drop(line: Line): void {
    if (!this.#lines.delete(line)) return;
    Atomics.store(line.flags, 1, 1);
    line.port.close();
    this.#hold();
  }

  #heard(): void {
    let left = callsMax;
    for (const line of [...this.#lines]) {
      // First this, then the messages: who sends one meanwhile finds it clear and rings again.
      if (Atomics.exchange(line.flags, 0, 0) === 0) continue;
      for (; left > 0; left--) {
        const received = receiveMessageOnPort(line.port);
        if (received === undefined) break;
        // Nothing: how the end of a port is received whose other end is gone.
        this.#take(line, (received.message ?? null) as Args | null);
      }
      if (left === 0) Atomics.store(line.flags, 0, 1);
    }
    if (left === 0 && !this.#closed) this.#loop.callSoon(() => this.#heard());
  }

  #take(line: Line, args: Args | null): void {
    if (this.#closed) return;
    if (args === null) this.#drop(line);
    else if (this.#loop.isClosed()) this.close();
    else this.#loop.callSoonIn(this.#context, this.#callback, ...args);
  }
}

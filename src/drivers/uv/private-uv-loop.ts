import type { DriverHost, Runnable } from '../../interface/index.ts';
import { type Libuv, openLibuv } from './libuv.ts';
import { NativeLoop } from './native-loop.ts';
import type { OnFinished, UvRequest } from './uv-request.ts';

/** How the driver that has a {@link PrivateUvLoop} waits for it. */
export interface UvLoopOwner {
  /** Whenever it is readable (level-triggered), `run` is to be called. Called once at most, before the first use. */
  watch(descriptor: number): void;
  /** Before the loop lets go of it. */
  unwatch(descriptor: number): void;
  /** A look-up is under way, which keeps the host alive. */
  ref(): void;
  unref(): void;
}

/**
 * What libuv can and the kernel cannot be asked directly: names, by the C library's resolver in libuv's threads, and
 * signals, which in a process with several threads need a handler in C.
 *
 * Node's own loop cannot be run from inside, and only it makes Node's look-ups and signals arrive; a loop of our own can,
 * because it calls nothing but us. One for each driver, made when first used. What has happened is queued as I/O
 * callbacks: libuv has returned before one of them runs, whatever it does.
 *
 * @see https://docs.libuv.org/en/v1.x/guide/eventloops.html
 */
export class PrivateUvLoop {
  readonly #host: DriverHost;
  readonly #owner: UvLoopOwner;
  readonly #onSignal = new Map<number, () => void>();
  #native: NativeLoop | null = null;
  #closed = false;

  /** @throws {NotSupportedError} this process has no libuv that we could use */
  constructor(host: DriverHost, owner: UvLoopOwner) {
    this.#host = host;
    this.#owner = owner;
    openLibuv();
  }

  ref(): void {
    this.#owner.ref();
  }

  unref(): void {
    // What is given up after the end has nobody to tell.
    if (!this.#closed) this.#owner.unref();
  }

  /** To be called when the descriptor is readable; never waits, and does nothing if nothing has happened. */
  run(): void {
    if (this.#native === null) return;
    const { finished, caught } = this.#native.poll();
    for (const request of finished) {
      const callback = request.end();
      if (callback !== null) this.soon('a look-up', callback);
    }
    for (const number of caught) this.soon('a signal', () => this.#onSignal.get(number)?.());
  }

  /** Calls back as an I/O callback of the loop. @param what names a slow one */
  soon(what: string, callback: () => void): void {
    this.#host.enqueue(new Happening(what, callback));
  }

  /**
   * As {@link NativeLoop.request}.
   *
   * @param onFinished what it returns is called as an I/O callback of the loop
   */
  request(
    kind: number,
    start: (uv: Libuv, loop: number, request: UvRequest) => number,
    onFinished: OnFinished,
  ): UvRequest | number {
    const request = this.#opened().request(kind, start);
    if (typeof request !== 'number') request.onFinished = onFinished;
    return request;
  }

  /** Has each signal of that number told, as an I/O callback of the loop. @returns libuv's error, negative; else 0 */
  startSignal(number: number, onSignal: () => void): number {
    const status = this.#opened().startSignal(number);
    if (status === 0) this.#onSignal.set(number, onSignal);
    return status;
  }

  stopSignal(number: number): void {
    this.#onSignal.delete(number);
    this.#native?.stopSignal(number);
  }

  /** Gives up what is under way; nobody is told. To be called before the descriptors' poller closes. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#onSignal.clear();
    const native = this.#native;
    if (native === null) return;
    this.#native = null;
    this.#owner.unwatch(native.descriptor);
    native.giveBack();
  }

  #opened(): NativeLoop {
    if (this.#closed) throw new Error('the driver is closed');
    if (this.#native === null) {
      const native = NativeLoop.take();
      try {
        this.#owner.watch(native.descriptor);
      } catch (error) {
        native.giveBack();
        throw error;
      }
      this.#native = native;
    }
    return this.#native;
  }
}

class Happening implements Runnable {
  readonly run: () => void;
  readonly #what: string;

  constructor(what: string, run: () => void) {
    this.#what = what;
    this.run = run;
  }

  toString(): string {
    return `<I/O ${this.#what}>`;
  }
}

import { type Address, type NativeCallback, systemFailure } from '../../syscalls/index.ts';
import { type Libuv, openLibuv, UV_ASYNC, UV_RUN_NOWAIT, UV_SIGNAL } from './libuv.ts';
import { UvRequest } from './uv-request.ts';

/**
 * A `uv_loop_t` of our own in C memory.
 *
 * libuv's threads write into a loop and its requests whenever they are done, also after the worker thread that made them
 * was terminated. Therefore nothing here lies in memory that the garbage collector, or the end of a thread, could free,
 * and a loop that has something under way is kept for the next who needs one instead of being closed.
 */
export class NativeLoop {
  static readonly #spare: NativeLoop[] = [];

  /** Readable when `poll` would find something. */
  readonly descriptor: number;
  readonly #uv: Libuv;
  readonly #address: Address;
  /** uv_run looks at nothing unless something is active, which this handle is for ever. */
  readonly #keepAlive: Address;
  readonly #requests = new Set<UvRequest>();
  readonly #signals = new Map<number, SignalHandle>();
  #signalCallback: NativeCallback | null = null;
  #caught: number[] = [];

  /** One that nobody uses, or a new one. @throws {NotSupportedError | SystemError} there is no libuv, or no descriptor left */
  static take(): NativeLoop {
    return NativeLoop.#spare.pop() ?? new NativeLoop(openLibuv());
  }

  private constructor(uv: Libuv) {
    this.#uv = uv;
    this.#address = uv.allocate(uv.uv_loop_size());
    const status = uv.uv_loop_init(this.#address);
    if (status !== 0) {
      uv.free(this.#address);
      throw systemFailure('make a libuv loop', 'uv_loop_init', -status);
    }
    this.#keepAlive = uv.allocate(uv.uv_handle_size(UV_ASYNC));
    uv.uv_async_init(this.#address, this.#keepAlive, 0);
    try {
      this.#handleFor(0);
    } catch (error) {
      this.#close();
      throw error;
    }
    // What libuv wants to watch it tells the kernel first thing in its next run. After this one the descriptor tells
    // everything: the pipes for signals and for finished requests are made and watched.
    uv.uv_run(this.#address, UV_RUN_NOWAIT);
    this.descriptor = uv.uv_backend_fd(this.#address);
  }

  /**
   * Has a request under way, if `start` can hand it to libuv.
   *
   * @param kind UV_GETADDRINFO or UV_GETNAMEINFO
   * @param start returns libuv's error, negative; else 0
   * @returns libuv's error, if there was one
   */
  request(kind: number, start: (uv: Libuv, loop: number, request: UvRequest) => number): UvRequest | number {
    const request = new UvRequest(this.#uv, kind);
    const status = start(this.#uv, this.#address, request);
    if (status !== 0) {
      request.free();
      return status;
    }
    this.#requests.add(request);
    return request;
  }

  /** @returns libuv's error, negative; else 0 */
  startSignal(number: number): number {
    const uv = this.#uv;
    this.#signalCallback ??= uv.ffi.callback(['void', 'address', 'i32'], (_handle, caught) => {
      this.#caught.push(caught as number);
      return undefined;
    });
    const handle = this.#handleFor(number);
    const status = uv.uv_signal_start(handle.address, this.#signalCallback.address, number);
    handle.started = status === 0;
    return status;
  }

  stopSignal(number: number): void {
    const handle = this.#signals.get(number);
    if (handle === undefined || !handle.started) return;
    handle.started = false;
    this.#uv.uv_signal_stop(handle.address);
  }

  /** What has happened since: finished requests, which are the caller's to free, and the numbers of signals caught. */
  poll(): { finished: UvRequest[]; caught: number[] } {
    // Nothing of ours runs inside but the one line that notes a signal: neither errors nor a second run can arise.
    this.#uv.uv_run(this.#address, UV_RUN_NOWAIT);
    const finished: UvRequest[] = [];
    for (const request of this.#requests) {
      if (!request.finished) continue;
      this.#requests.delete(request);
      finished.push(request);
    }
    const caught = this.#caught;
    if (caught.length > 0) this.#caught = [];
    return { finished, caught };
  }

  /** It is not used any more: closed if nothing is under way, else kept until somebody takes it. */
  giveBack(): void {
    for (const number of this.#signals.keys()) this.stopSignal(number);
    for (const request of this.#requests) request.cancel();
    for (const request of this.poll().finished) request.free();
    if (this.#requests.size > 0) NativeLoop.#spare.push(this);
    else this.#close();
  }

  #close(): void {
    const uv = this.#uv;
    for (const { address } of this.#signals.values()) uv.uv_close(address, 0);
    uv.uv_close(this.#keepAlive, 0);
    uv.uv_run(this.#address, UV_RUN_NOWAIT);
    // It cannot be busy; if it is all the same, a leak is better than what would follow.
    if (uv.uv_loop_close(this.#address) !== 0) return;
    this.#signalCallback?.release();
    for (const { address } of this.#signals.values()) uv.free(address);
    uv.free(this.#keepAlive);
    uv.free(this.#address);
  }

  /** The handle for a signal; that of 0 is never started, and there so that libuv makes its pipe. */
  #handleFor(signal: number): SignalHandle {
    let handle = this.#signals.get(signal);
    if (handle === undefined) {
      const uv = this.#uv;
      const address = uv.allocate(uv.uv_handle_size(UV_SIGNAL));
      const status = uv.uv_signal_init(this.#address, address);
      if (status !== 0) {
        uv.free(address);
        throw systemFailure('watch for signals', 'uv_signal_init', -status);
      }
      handle = { address, started: false };
      this.#signals.set(signal, handle);
    }
    return handle;
  }
}

interface SignalHandle {
  readonly address: Address;
  started: boolean;
}

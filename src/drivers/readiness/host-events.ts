import { isMainThread } from 'node:worker_threads';
import { READABLE } from '../../selectors/index.ts';
import { checked, closeDescriptor, constants, ffi, isDarwin, libc, Memory } from '../../syscalls/index.ts';
import type { Reactor } from './reactor.ts';
import { Watched } from './watched.ts';

const EPOLL_CTL_ADD = 1;
const EPOLLIN = 0x001;
const EPOLLET = 0x8000_0000;

/** How long a worker thread waits at most where it hears of the host's events, and where it does not. */
const waitMax = 1_000;
const deafWaitMax = 50;

/**
 * Ends the waits of a blocking loop in a worker thread when something happens in the host's own loop, whose work is not
 * done then: it waits until we let go of the thread. But the thread may have been told to end (`worker.terminate()`),
 * which V8 does as soon as we are back in JavaScript, and which the host announces in its loop.
 *
 * The host's descriptor stays readable from the first event on. So it is watched for new events only (edge-triggered), in
 * an epoll instance of its own, which every kind of poller can watch. An event that the host had announced before, and not
 * looked at, is not announced again; therefore waits also end by themselves.
 */
export class HostEvents extends Watched {
  readonly #reactor: Reactor;
  readonly #event = new Memory(16);

  /** null: not to be had here */
  static open(reactor: Reactor): HostEvents | null {
    if (hostDescriptor === null || hostDescriptor === undefined) return null;
    let fd = -1;
    try {
      fd = checked(libc().epoll_create1(constants.O_CLOEXEC), 'wait in a worker', 'epoll_create1');
      return new HostEvents(reactor, fd, hostDescriptor);
    } catch {
      // ELOOP: the host watches us, as a guest.
      if (fd !== -1) closeDescriptor(fd);
      return null;
    }
  }

  private constructor(reactor: Reactor, fd: number, hostDescriptor: number) {
    super(fd);
    this.#reactor = reactor;
    const { view, bytes } = this.#event;
    view.setUint32(0, EPOLLIN | EPOLLET, true);
    checked(libc().epoll_ctl(fd, EPOLL_CTL_ADD, hostDescriptor, bytes), 'wait in a worker', 'epoll_ctl');
    reactor.want(this, READABLE);
  }

  close(): void {
    this.#reactor.drop(this);
    closeDescriptor(this.fd);
  }

  protected readable(): void {
    libc().epoll_wait(this.fd, this.#event.address, 1, 0);
  }

  protected writable(): void {
    // Never wanted.
  }

  override toString(): string {
    return '<I/O: the host has something to do>';
  }
}

/** of this thread's host; undefined: not asked for yet */
let hostDescriptor: number | null | undefined;

function hostLoopDescriptor(): number | null {
  const loop = isDarwin ? null : ffi().currentUvLoop();
  return loop === null
    ? null
    : (ffi()
        .open({ uv_backend_fd: ['i32', 'address'] })
        .uv_backend_fd?.(loop) ?? null);
}

/** Limits the waits of a driver in a worker thread; does nothing in the main one. */
export class WaitLimit {
  readonly #reactor: Reactor;
  /** undefined: not tried yet */
  #events: HostEvents | null | undefined = isMainThread ? null : undefined;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
    // Not when it is needed: a thread that has been told to end cannot ask any more.
    if (!isMainThread && hostDescriptor === undefined) hostDescriptor = hostLoopDescriptor();
  }

  /** What may be waited instead of `timeout`. */
  of(timeout: number | null): number | null {
    if (isMainThread || timeout === 0) return timeout;
    if (this.#events === undefined) this.#events = HostEvents.open(this.#reactor);
    const max = this.#events === null ? deafWaitMax : waitMax;
    return timeout === null ? max : Math.min(timeout, max);
  }

  /** The host is about to watch the reactor: two that watch each other are refused by the kernel. */
  lift(): void {
    this.#events?.close();
    if (!isMainThread) this.#events = undefined;
  }
}

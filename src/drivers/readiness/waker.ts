import type { Bell, Operation, WakeupOperations } from '../../interface/index.ts';
import { READABLE } from '../../selectors/index.ts';
import {
  checked,
  closeDescriptor,
  constants,
  isDarwin,
  libc,
  Memory,
  setNonBlocking,
} from '../../syscalls/index.ts';
import type { Reactor } from './reactor.ts';
import { Watched } from './watched.ts';

const EFD_FLAGS = constants.SOCK_NONBLOCK | constants.SOCK_CLOEXEC;

/** How long closing waits for other threads that are just ringing, in milliseconds. They need some microseconds. */
const ringersPatience = 100;

/**
 * Ends a wait from anywhere that can write to a descriptor: other threads, signal handlers. An eventfd, or a pipe where
 * there is none.
 *
 * @see eventfd(2)
 */
export class Waker extends Watched implements WakeupOperations {
  /** where eight bytes are written, of a number in the machine's order, to wake */
  readonly writeEnd: number;
  readonly #reactor: Reactor;
  readonly #memory = new Memory(8);
  readonly #listeners = new Set<() => void>();
  /** made when somebody first wants to tell it to another thread */
  #bell: Bell | null = null;
  #closed = false;

  constructor(reactor: Reactor) {
    const [readEnd, writeEnd] = isDarwin ? openPipe() : openEvent();
    super(readEnd);
    this.writeEnd = writeEnd;
    this.#reactor = reactor;
    reactor.want(this, READABLE);
  }

  get bell(): Bell {
    this.#bell ??= { descriptor: this.writeEnd, state: new Int32Array(new SharedArrayBuffer(8)) };
    return this.#bell;
  }

  onRing(callback: () => void): Operation {
    const listener = () => callback();
    this.#listeners.add(listener);
    return { cancel: () => void this.#listeners.delete(listener) };
  }

  ref(): void {
    this.#reactor.ref();
  }

  unref(): void {
    this.#reactor.unref();
  }

  wake(): void {
    if (this.#closed) return;
    this.#memory.view.setBigUint64(0, 1n, true);
    libc().writeAt(this.writeEnd, this.#memory.address, 8);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.drop(this);
    // A thread that was ended while it rang never leaves. Its descriptor is better lost than given to somebody else.
    const rung = this.#bell !== null && !silence(this.#bell);
    if (this.writeEnd !== this.fd) closeDescriptor(this.fd);
    if (!rung) closeDescriptor(this.writeEnd);
  }

  protected readable(): void {
    // A pipe may hold several; what is left wakes once more.
    libc().readAt(this.fd, this.#memory.address, 8);
    for (const listener of [...this.#listeners]) listener();
  }

  protected writable(): void {
    // Never wanted.
  }

  override toString(): string {
    return '<I/O: woken>';
  }
}

/** Lets nobody ring any more. False: somebody still does. */
function silence({ state }: Bell): boolean {
  Atomics.store(state, 1, 1);
  const end = performance.now() + ringersPatience;
  for (let ringing = Atomics.load(state, 0); ringing > 0; ringing = Atomics.load(state, 0)) {
    if (performance.now() > end) return false;
    Atomics.wait(state, 0, ringing, 1);
  }
  return true;
}

function openEvent(): [readEnd: number, writeEnd: number] {
  const fd = checked(libc().eventfd(0, EFD_FLAGS), 'make a loop', 'eventfd');
  return [fd, fd];
}

function openPipe(): [readEnd: number, writeEnd: number] {
  const ends = new Int32Array(new ArrayBuffer(8));
  checked(libc().pipe(ends), 'make a loop', 'pipe');
  const [readEnd = -1, writeEnd = -1] = ends;
  for (const fd of ends) {
    setNonBlocking(fd);
    libc().fcntl(fd, constants.F_SETFD, constants.FD_CLOEXEC);
  }
  return [readEnd, writeEnd];
}

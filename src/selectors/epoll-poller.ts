import { NotSupportedError } from '../interface/index.ts';
import {
  closeDescriptor,
  constants,
  EBADF,
  EINTR,
  errno,
  isDarwin,
  lastFailure,
  libc,
  Memory,
  systemFailure,
} from '../syscalls/index.ts';
import { type Poller, READABLE, readyMax, WRITABLE } from './poller.ts';
import { checkInterest, closedError, watching } from './poller-errors.ts';
import { TimeLimit } from './time-limit.ts';

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x001;
const EPOLLOUT = 0x004;
// Whatever else is reported, EPOLLERR and EPOLLHUP, is for both. EPOLLPRI is never asked for.
const readableEvents = ~EPOLLOUT;
const writableEvents = ~EPOLLIN;

/** struct epoll_event is packed on x86-64, and only there. */
const packed = globalThis.process?.arch === 'x64';
const eventBytes = packed ? 12 : 16;
const dataOffset = packed ? 4 : 8;
const eventWords = eventBytes / 4;
const dataWord = dataOffset / 4;

/** @see epoll(7) */
export class EpollPoller implements Poller {
  readonly name = 'epoll';
  readonly ready = new Int32Array(readyMax);
  readonly readyFor = new Uint8Array(readyMax);
  readonly #libc = libc();
  readonly #events = new Memory(readyMax * eventBytes);
  readonly #eventWords = new Int32Array(this.#events.bytes.buffer);
  readonly #event = new Memory(16);
  readonly #limit = new TimeLimit();
  readonly #hasPwait2: boolean;
  readonly #descriptor: number;
  #closed = false;

  /** @throws {NotSupportedError | SystemError} no Linux; EMFILE, ENFILE, ENOMEM */
  constructor() {
    if (isDarwin) throw new NotSupportedError('epoll', 'epoll', 'Cannot use epoll: only Linux has it');
    const fd = this.#libc.epoll_create1(constants.O_CLOEXEC);
    if (fd < 0) throw lastFailure('make an epoll instance', 'epoll_create1');
    this.#descriptor = fd;
    this.#hasPwait2 = hasPwait2();
  }

  get descriptor(): number {
    if (this.#closed) throw closedError('embed it');
    return this.#descriptor;
  }

  register(descriptor: number, interest: number): void {
    this.#control(EPOLL_CTL_ADD, descriptor, interest);
  }

  modify(descriptor: number, interest: number): void {
    this.#control(EPOLL_CTL_MOD, descriptor, interest);
  }

  unregister(descriptor: number): boolean {
    if (this.#closed) return false;
    return this.#libc.epoll_ctl(this.#descriptor, EPOLL_CTL_DEL, descriptor, this.#event.bytes) === 0;
  }

  wait(timeout: number | null): number {
    const count = this.#wait(timeout);
    const words = this.#eventWords;
    const { ready, readyFor } = this;
    for (let index = 0, word = 0; index < count; index++, word += eventWords) {
      const events = words[word] as number;
      ready[index] = words[word + dataWord] as number;
      readyFor[index] =
        ((events & readableEvents) === 0 ? 0 : READABLE) | ((events & writableEvents) === 0 ? 0 : WRITABLE);
    }
    return count;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.#descriptor);
  }

  #control(operation: number, descriptor: number, interest: number): void {
    if (this.#closed) throw closedError(watching(descriptor));
    checkInterest(interest);
    const { view, bytes } = this.#event;
    view.setUint32(
      0,
      ((interest & READABLE) === 0 ? 0 : EPOLLIN) | ((interest & WRITABLE) === 0 ? 0 : EPOLLOUT),
      true,
    );
    view.setInt32(dataOffset, descriptor, true);
    if (this.#libc.epoll_ctl(this.#descriptor, operation, descriptor, bytes) < 0) {
      throw lastFailure(watching(descriptor), 'epoll_ctl');
    }
  }

  #wait(timeout: number | null): number {
    if (this.#closed) throw closedError('wait');
    // Whole milliseconds would make every timer late by half of one.
    const count =
      this.#hasPwait2 && timeout !== null && timeout > 0
        ? this.#libc.epoll_pwait2(
            this.#descriptor,
            this.#events.address,
            readyMax,
            this.#limit.timespec(timeout),
            0,
          )
        : this.#libc.epoll_wait(
            this.#descriptor,
            this.#events.address,
            readyMax,
            TimeLimit.milliseconds(timeout),
          );
    if (count >= 0) return count;
    const number = errno();
    if (number === EINTR) return 0;
    throw systemFailure('wait for descriptors', 'epoll_wait', number);
  }
}

let pwait2: boolean | null = null;

/** Linux has it since 5.11, glibc since 2.35, and a sandbox may forbid what it does not know. */
function hasPwait2(): boolean {
  pwait2 ??= probePwait2();
  return pwait2;
}

function probePwait2(): boolean {
  const event = new Memory(16);
  try {
    return libc().epoll_pwait2(-1, event.address, 1, new TimeLimit().timespec(0), 0) < 0 && errno() === EBADF;
  } catch {
    return false; // the C library lacks it
  }
}

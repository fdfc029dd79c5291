import { NotSupportedError } from '../interface/index.ts';
import {
  type Address,
  closeDescriptor,
  constants,
  EINTR,
  errno,
  isDarwin,
  lastFailure,
  libc,
  Memory,
  systemFailure,
} from '../syscalls/index.ts';
import { type Poller, READABLE, readyMax, WRITABLE } from './poller.ts';
import { alreadyWatched, checkInterest, closedError, notWatched, watching } from './poller-errors.ts';
import { TimeLimit } from './time-limit.ts';

const EVFILT_READ = -1;
const EVFILT_WRITE = -2;
const EV_ADD = 0x0001;
const EV_DELETE = 0x0002;
/** Each change is answered by an event with EV_ERROR, also when it went well, and nothing else is reported. */
const EV_RECEIPT = 0x0040;
const EV_ERROR = 0x4000;
const EV_EOF = 0x8000;

/**
 * struct kevent of a 64-bit Darwin: `ident` 8 bytes, `filter` 2, `flags` 2, `fflags` 4, `data` 8, `udata` 8. FreeBSD since
 * 12 has more behind it.
 */
export const keventBytes = 32;
const keventWords = keventBytes / 4;

/** What of the kernel is called: kqueue(2), and kevent(2) with addresses. */
export interface KqueueCalls {
  kqueue(): number;
  kevent(
    queue: number,
    changes: Address,
    changeCount: number,
    events: Address,
    eventCount: number,
    timespec: Address,
  ): number;
}

/**
 * Written from Apple's manual page and headers. It has not run on a Mac yet: what is tested is the layout, and the whole
 * against an imitation of the kernel's part.
 *
 * Reading and writing are two filters there, with an event each; they are put together here, so that each descriptor is
 * reported once.
 *
 * @see kqueue(2), kevent(2)
 */
export class KqueuePoller implements Poller {
  readonly name = 'kqueue';
  readonly ready = new Int32Array(readyMax);
  readonly readyFor = new Uint8Array(readyMax);
  readonly #calls: KqueueCalls;
  readonly #limit = new TimeLimit();
  readonly #changes = new Memory(2 * keventBytes);
  readonly #receipts = new Memory(2 * keventBytes);
  readonly #events = new Memory(readyMax * keventBytes);
  readonly #eventWords = new Int32Array(this.#events.bytes.buffer);
  readonly #interests = new Map<number, number>();
  /** Where in `ready` a descriptor was put last; only good if it is there in this wait too. */
  readonly #places = new Map<number, number>();
  readonly #descriptor: number;
  #closed = false;

  /** @throws {NotSupportedError | SystemError} no kqueue here; EMFILE, ENFILE, ENOMEM */
  constructor(calls?: KqueueCalls) {
    if (calls === undefined && !isDarwin) {
      throw new NotSupportedError('kqueue', 'kqueue', 'Cannot use kqueue: this system has none that we know');
    }
    this.#calls = calls ?? libc();
    const fd = this.#calls.kqueue();
    if (fd < 0) throw lastFailure('make a kqueue', 'kqueue');
    libc().fcntl(fd, constants.F_SETFD, constants.FD_CLOEXEC);
    this.#descriptor = fd;
  }

  get descriptor(): number {
    if (this.#closed) throw closedError('embed it');
    return this.#descriptor;
  }

  register(descriptor: number, interest: number): void {
    if (this.#closed) throw closedError(watching(descriptor));
    checkInterest(interest);
    if (this.#interests.has(descriptor)) throw alreadyWatched(descriptor, 'kevent');
    this.#change(descriptor, 0, interest);
    this.#interests.set(descriptor, interest);
  }

  modify(descriptor: number, interest: number): void {
    if (this.#closed) throw closedError(watching(descriptor));
    checkInterest(interest);
    const before = this.#interests.get(descriptor);
    if (before === undefined) throw notWatched(descriptor, 'kevent');
    this.#change(descriptor, before, interest);
    this.#interests.set(descriptor, interest);
  }

  unregister(descriptor: number): boolean {
    const before = this.#interests.get(descriptor);
    if (before === undefined) return false;
    this.#interests.delete(descriptor);
    this.#places.delete(descriptor);
    this.#apply(descriptor, before, 0);
    return true;
  }

  wait(timeout: number | null): number {
    if (this.#closed) throw closedError('wait');
    const found = this.#calls.kevent(
      this.#descriptor,
      0,
      0,
      this.#events.address,
      readyMax,
      this.#limit.timespec(timeout),
    );
    if (found < 0) {
      const number = errno();
      if (number === EINTR) return 0;
      throw systemFailure('wait for descriptors', 'kevent', number);
    }
    const words = this.#eventWords;
    const { ready, readyFor } = this;
    let count = 0;
    for (let index = 0, word = 0; index < found; index++, word += keventWords) {
      const descriptor = words[word] as number;
      const filterAndFlags = words[word + 2] as number;
      const broken = ((filterAndFlags >>> 16) & EV_EOF) !== 0 && words[word + 3] !== 0; // fflags: the socket's error
      const readiness = broken
        ? READABLE | WRITABLE
        : (filterAndFlags << 16) >> 16 === EVFILT_READ
          ? READABLE
          : WRITABLE;
      const place = this.#places.get(descriptor) ?? readyMax;
      if (place < count && ready[place] === descriptor) {
        readyFor[place] = (readyFor[place] as number) | readiness;
      } else {
        this.#places.set(descriptor, count);
        ready[count] = descriptor;
        readyFor[count++] = readiness;
      }
    }
    return count;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#interests.clear();
    this.#places.clear();
    closeDescriptor(this.#descriptor);
  }

  /** All of it, or nothing. */
  #change(descriptor: number, before: number, after: number): void {
    const number = this.#apply(descriptor, before, after);
    if (number === 0) return;
    this.#apply(descriptor, after, before);
    throw systemFailure(watching(descriptor), 'kevent', number);
  }

  /** The number of the first error; 0 if there was none. */
  #apply(descriptor: number, before: number, after: number): number {
    let count = 0;
    const changed = before ^ after;
    for (const bit of bothInterests) {
      if ((changed & bit) === 0) continue;
      encodeChange(
        this.#changes.view,
        count++ * keventBytes,
        descriptor,
        bit === READABLE ? EVFILT_READ : EVFILT_WRITE,
        ((after & bit) === 0 ? EV_DELETE : EV_ADD) | EV_RECEIPT,
      );
    }
    if (count === 0) return 0;
    const { view, address } = this.#receipts;
    const answered = this.#calls.kevent(this.#descriptor, this.#changes.address, count, address, count, 0);
    if (answered < 0) return errno();
    for (let at = 0; at < answered * keventBytes; at += keventBytes) {
      const number = receiptError(view, at);
      if (number !== 0) return number;
    }
    return 0;
  }
}

const bothInterests = [READABLE, WRITABLE] as const;

/** Writes a struct kevent at byte `at`. */
export function encodeChange(
  view: DataView,
  at: number,
  descriptor: number,
  filter: number,
  flags: number,
): void {
  view.setUint32(at, descriptor, true);
  view.setUint32(at + 4, 0, true);
  view.setInt16(at + 8, filter, true);
  view.setUint16(at + 10, flags, true);
  for (let byte = 12; byte < keventBytes; byte += 4) view.setUint32(at + byte, 0, true);
}

/** What the receipt at byte `at` says of a change: an error number, or 0. */
export function receiptError(view: DataView, at: number): number {
  return (view.getUint16(at + 10, true) & EV_ERROR) === 0 ? 0 : view.getInt32(at + 16, true);
}

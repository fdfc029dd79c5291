import { type Address, EINTR, errno, isDarwin, libc, Memory, systemFailure } from '../syscalls/index.ts';
import { Doorbell } from './doorbell.ts';
import { type Poller, READABLE, readyMax, WRITABLE } from './poller.ts';
import {
  alreadyWatched,
  checkInterest,
  checkOpen,
  closedError,
  notWatched,
  watching,
} from './poller-errors.ts';
import { TimeLimit } from './time-limit.ts';

const POLLIN = 0x0001;
const POLLOUT = 0x0004;
const POLLNVAL = 0x0020;
// Whatever else is reported, POLLERR, POLLHUP and POLLNVAL, is for both.
const readableEvents = ~POLLOUT;
const writableEvents = ~POLLIN;

/** struct pollfd: the descriptor, then what it is watched for and what it is ready for, 16 bits each. */
const entryBytes = 8;

/**
 * A table without gaps, in which the last entry takes the place of one that goes.
 *
 * @see poll(2), ppoll(2)
 */
export class PollPoller implements Poller {
  readonly name = 'poll';
  readonly ready = new Int32Array(readyMax);
  readonly readyFor = new Uint8Array(readyMax);
  readonly #libc = libc();
  readonly #limit = new TimeLimit();
  /** descriptor → its entry */
  readonly #places = new Map<number, number>();
  #memory = new Memory(16 * entryBytes);
  #words = new Int32Array(this.#memory.bytes.buffer);
  /** Where to look first, so that more than a wait can report are reported in turn. */
  #first = 0;
  #doorbell: Doorbell | null = null;
  #closed = false;

  get descriptor(): number {
    if (this.#closed) throw closedError('embed it');
    this.#doorbell ??= new Doorbell(this.#entries());
    return this.#doorbell.descriptor;
  }

  register(descriptor: number, interest: number): void {
    if (this.#closed) throw closedError(watching(descriptor));
    checkInterest(interest);
    checkOpen(descriptor);
    if (this.#places.has(descriptor)) throw alreadyWatched(descriptor, 'poll');
    this.#doorbell?.add(descriptor, interest);
    const place = this.#places.size;
    if (place * entryBytes === this.#memory.byteLength) this.#grow();
    this.#places.set(descriptor, place);
    this.#words[2 * place] = descriptor;
    this.#words[2 * place + 1] = eventsFor(interest);
  }

  modify(descriptor: number, interest: number): void {
    if (this.#closed) throw closedError(watching(descriptor));
    checkInterest(interest);
    const place = this.#places.get(descriptor);
    if (place === undefined) throw notWatched(descriptor, 'poll');
    this.#doorbell?.change(descriptor, interest);
    this.#words[2 * place + 1] = eventsFor(interest);
  }

  unregister(descriptor: number): boolean {
    const place = this.#places.get(descriptor);
    if (place === undefined) return false;
    this.#places.delete(descriptor);
    this.#doorbell?.remove(descriptor);
    const last = this.#places.size;
    if (place !== last) {
      const words = this.#words;
      words.copyWithin(2 * place, 2 * last, 2 * last + 2);
      this.#places.set(words[2 * place] as number, place);
    }
    return true;
  }

  wait(timeout: number | null): number {
    const found = this.#wait(timeout);
    if (found === 0) return 0;
    const { ready, readyFor } = this;
    const words = this.#words;
    const size = this.#places.size;
    const wanted = Math.min(found, readyMax);
    let place = this.#first < size ? this.#first : 0;
    let count = 0;
    let invalid = false;
    for (let looked = 0; looked < size && count < wanted; looked++) {
      const events = (words[2 * place + 1] as number) >>> 16;
      if (events !== 0) {
        ready[count] = words[2 * place] as number;
        readyFor[count++] =
          ((events & readableEvents) === 0 ? 0 : READABLE) | ((events & writableEvents) === 0 ? 0 : WRITABLE);
        if ((events & POLLNVAL) !== 0) invalid = true;
      }
      if (++place === size) place = 0;
    }
    if (found > count) this.#first = place;
    if (invalid) this.#forgetClosed(count);
    return count;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#places.clear();
    this.#doorbell?.close();
  }

  #wait(timeout: number | null): number {
    if (this.#closed) throw closedError('wait');
    const { address } = this.#memory;
    const { size } = this.#places;
    const count = isDarwin
      ? this.#libc.poll(address, size, TimeLimit.milliseconds(timeout))
      : this.#libc.ppoll(address, size, this.#limit.timespec(timeout), noSignals);
    if (count >= 0) return count;
    const number = errno();
    if (number === EINTR) return 0;
    throw systemFailure('wait for descriptors', 'poll', number);
  }

  #forgetClosed(count: number): void {
    for (let index = 0; index < count; index++) {
      const descriptor = this.ready[index] as number;
      const place = this.#places.get(descriptor) as number;
      if ((((this.#words[2 * place + 1] as number) >>> 16) & POLLNVAL) !== 0) this.unregister(descriptor);
    }
  }

  #grow(): void {
    const memory = new Memory(2 * this.#memory.byteLength);
    memory.bytes.set(this.#memory.bytes);
    this.#memory = memory;
    this.#words = new Int32Array(memory.bytes.buffer);
  }

  *#entries(): Generator<[descriptor: number, interest: number]> {
    for (const [descriptor, place] of this.#places) {
      const events = this.#words[2 * place + 1] as number;
      yield [
        descriptor,
        ((events & POLLIN) === 0 ? 0 : READABLE) | ((events & POLLOUT) === 0 ? 0 : WRITABLE),
      ];
    }
  }
}

/** The signal mask stays as it is. */
const noSignals: Address = 0;

function eventsFor(interest: number): number {
  return ((interest & READABLE) === 0 ? 0 : POLLIN) | ((interest & WRITABLE) === 0 ? 0 : POLLOUT);
}

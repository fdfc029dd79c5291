import { SystemError } from '../interface/index.ts';
import { EBADF, EINTR, EINVAL, errno, libc, Memory, systemFailure } from '../syscalls/index.ts';
import { Doorbell } from './doorbell.ts';
import { type Poller, READABLE, readyMax, WRITABLE } from './poller.ts';
import {
  alreadyWatched,
  checkInterest,
  checkOpen,
  closedError,
  isOpen,
  notWatched,
  watching,
} from './poller-errors.ts';
import { TimeLimit } from './time-limit.ts';

/** The kernel would take more; the C library's fd_set has no room for them. */
const FD_SETSIZE = 1024;
const setBytes = FD_SETSIZE / 8;
const setWords = setBytes / 4;

/**
 * Two sets of bits, those to be read and behind them those to be written, which the kernel overwrites with its answer.
 * What select(2) calls exceptional is urgent data, for which nobody asks.
 *
 * @see select(2), pselect(2)
 */
export class SelectPoller implements Poller {
  readonly name = 'select';
  readonly ready = new Int32Array(readyMax);
  readonly readyFor = new Uint8Array(readyMax);
  readonly #libc = libc();
  readonly #limit = new TimeLimit();
  readonly #wanted = new Int32Array(2 * setWords);
  readonly #answer = new Memory(2 * setBytes);
  readonly #answerWords = new Int32Array(this.#answer.bytes.buffer);
  /** One more than the highest descriptor. */
  #end = 0;
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
    if (descriptor >= FD_SETSIZE) {
      throw new SystemError(
        `Cannot ${watching(descriptor)}: select takes only descriptors below ${FD_SETSIZE} (EINVAL)`,
        { code: 'EINVAL', errno: -EINVAL, syscall: 'select' },
      );
    }
    checkOpen(descriptor);
    if (this.#interestIn(descriptor) !== 0) throw alreadyWatched(descriptor, 'select');
    this.#doorbell?.add(descriptor, interest);
    this.#set(descriptor, interest);
    if (descriptor >= this.#end) this.#end = descriptor + 1;
  }

  modify(descriptor: number, interest: number): void {
    if (this.#closed) throw closedError(watching(descriptor));
    checkInterest(interest);
    if (this.#interestIn(descriptor) === 0) throw notWatched(descriptor, 'select');
    this.#doorbell?.change(descriptor, interest);
    this.#set(descriptor, interest);
  }

  unregister(descriptor: number): boolean {
    if (this.#interestIn(descriptor) === 0) return false;
    this.#doorbell?.remove(descriptor);
    this.#set(descriptor, 0);
    while (this.#end > 0 && this.#interestIn(this.#end - 1) === 0) this.#end--;
    return true;
  }

  wait(timeout: number | null): number {
    if (this.#closed) throw closedError('wait');
    const words = this.#answerWords;
    words.set(this.#wanted);
    const { address } = this.#answer;
    const bits = this.#libc.pselect(
      this.#end,
      address,
      address + setBytes,
      0,
      this.#limit.timespec(timeout),
      0,
    );
    if (bits === 0) return 0;
    if (bits < 0) {
      const number = errno();
      if (number === EINTR) return 0;
      const closed = number === EBADF ? this.#reportClosed() : 0;
      if (closed > 0) return closed;
      throw systemFailure('wait for descriptors', 'select', number);
    }
    const { ready, readyFor } = this;
    let count = 0;
    for (let word = 0; word << 5 < this.#end; word++) {
      const readable = words[word] as number;
      const writable = words[word + setWords] as number;
      for (let either = readable | writable; either !== 0; either &= either - 1) {
        const bit = either & -either;
        ready[count] = (word << 5) + 31 - Math.clz32(bit);
        readyFor[count++] = ((readable & bit) === 0 ? 0 : READABLE) | ((writable & bit) === 0 ? 0 : WRITABLE);
      }
    }
    return count;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wanted.fill(0);
    this.#end = 0;
    this.#doorbell?.close();
  }

  /** One closed descriptor makes the whole call fail, without a word of which it is. */
  #reportClosed(): number {
    let count = 0;
    for (const [descriptor] of this.#entries()) {
      if (isOpen(descriptor)) continue;
      this.ready[count] = descriptor;
      this.readyFor[count++] = READABLE | WRITABLE;
      this.unregister(descriptor);
    }
    return count;
  }

  #interestIn(descriptor: number): number {
    // Beyond either end there is nothing; without this, a shift would wrap round to another's bit.
    if (descriptor < 0 || descriptor >= FD_SETSIZE) return 0;
    const word = descriptor >> 5;
    const readable = ((this.#wanted[word] as number) >>> (descriptor & 31)) & 1;
    const writable = ((this.#wanted[word + setWords] as number) >>> (descriptor & 31)) & 1;
    return (readable === 0 ? 0 : READABLE) | (writable === 0 ? 0 : WRITABLE);
  }

  #set(descriptor: number, interest: number): void {
    const words = this.#wanted;
    const word = descriptor >> 5;
    const bit = 1 << (descriptor & 31);
    const mask = ~bit;
    words[word] = ((words[word] as number) & mask) | ((interest & READABLE) === 0 ? 0 : bit);
    words[word + setWords] =
      ((words[word + setWords] as number) & mask) | ((interest & WRITABLE) === 0 ? 0 : bit);
  }

  *#entries(): Generator<[descriptor: number, interest: number]> {
    for (let descriptor = 0; descriptor < this.#end; descriptor++) {
      const interest = this.#interestIn(descriptor);
      if (interest !== 0) yield [descriptor, interest];
    }
  }
}

import { type Address, Memory } from '../syscalls/index.ts';

const unitMax = 2 ** 31 - 1;

/**
 * A wait's time limit as the kernel takes it. Milliseconds become other units here and nowhere else, always rounded up: a
 * wait that ends before a timer is due would only be made again, with next to nothing to wait.
 */
export class TimeLimit {
  // struct timespec, two 64-bit integers, of which the upper halves stay 0.
  readonly #memory = new Memory(16);
  readonly #words = new Uint32Array(this.#memory.bytes.buffer);

  /** A struct timespec that holds until the next call; 0, which is NULL and no limit, for null. */
  timespec(timeout: number | null): Address {
    if (timeout === null) return 0;
    const words = this.#words;
    if (!(timeout > 0)) {
      words[0] = words[2] = 0;
    } else if (timeout >= unitMax * 1_000) {
      words[0] = unitMax;
      words[2] = 0;
    } else {
      const seconds = Math.floor(timeout / 1_000);
      const nanoseconds = Math.ceil((timeout - seconds * 1_000) * 1e6);
      const carry = nanoseconds >= 1e9;
      words[0] = carry ? seconds + 1 : seconds;
      words[2] = carry ? 0 : nanoseconds;
    }
    return this.#memory.address;
  }

  /** For calls that count whole milliseconds; -1, which is no limit, for null. */
  static milliseconds(timeout: number | null): number {
    if (timeout === null) return -1;
    return timeout > 0 ? Math.min(Math.ceil(timeout), unitMax) : 0;
  }
}

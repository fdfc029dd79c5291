import { READABLE } from '../../selectors/index.ts';
import { checked, closeDescriptor, constants, libc, Memory } from '../../syscalls/index.ts';
import type { Reactor } from './reactor.ts';
import { Watched } from './watched.ts';

const CLOCK_MONOTONIC = 1;
const TFD_FLAGS = constants.SOCK_NONBLOCK | constants.SOCK_CLOEXEC;

/**
 * Makes the poller's descriptor readable at a time: what a host that knows only descriptors and coarse timers needs to
 * call us in time. Linux only.
 *
 * @see timerfd_create(2)
 */
export class Alarm extends Watched {
  override readonly calls = false;
  readonly #reactor: Reactor;
  readonly #setting = new Memory(32);
  readonly #expirations = new Memory(8);

  constructor(reactor: Reactor) {
    super(checked(libc().timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS), 'make a loop', 'timerfd_create'));
    this.#reactor = reactor;
    reactor.want(this, READABLE);
  }

  /** @param delay milliseconds from now; null: never */
  set(delay: number | null): void {
    const { view, bytes } = this.#setting;
    // All zero disarms it, so what is due already is set for the next nanosecond.
    const left = delay === null ? 0 : Math.max(delay, 1e-6);
    const seconds = Math.floor(left / 1_000);
    view.setBigInt64(16, BigInt(seconds), true);
    view.setUint32(24, Math.min(Math.ceil((left - seconds * 1_000) * 1e6), 999_999_999), true);
    libc().timerfd_settime(this.fd, 0, bytes, 0);
  }

  close(): void {
    this.#reactor.drop(this);
    closeDescriptor(this.fd);
  }

  protected readable(): void {
    libc().readAt(this.fd, this.#expirations.address, 8);
  }

  protected writable(): void {
    // Never wanted.
  }

  override toString(): string {
    return '<I/O: a timer is due>';
  }
}

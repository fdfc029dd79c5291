import type { Runnable } from '../../interface/index.ts';
import { READABLE, WRITABLE } from '../../selectors/index.ts';

/**
 * A descriptor that a {@link Reactor} watches. When it is ready for something that is wanted, it is queued as an I/O
 * callback of the loop; by then that may not be wanted any more.
 */
export abstract class Watched implements Runnable {
  readonly fd: number;
  /** what its owner waits for; changed by the reactor */
  wanted = 0;
  /** what the kernel was told; it may be more than is wanted, see Reactor.ignore */
  told = 0;
  /** what it is ready for, while it is queued */
  ready = 0;
  /** false: it calls nobody, and is dealt with in the wait itself, as no callback of the loop */
  readonly calls: boolean = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  protected abstract readable(): void;
  protected abstract writable(): void;
  /** How a slow one is named. */
  abstract toString(): string;

  /** The descriptor was closed without a word, and its number is somebody else's: not to be used any more. */
  lost(): void {
    // Who opens descriptors for itself alone closes them itself.
  }

  run(): void {
    const { ready } = this;
    this.ready = 0;
    if ((ready & this.wanted & READABLE) !== 0) this.readable();
    if ((ready & this.wanted & WRITABLE) !== 0) this.writable();
  }
}

import { SystemError } from '../interface/index.ts';
import { closeDescriptor, constants, isDarwin, lastFailure, libc } from '../syscalls/index.ts';
import { EpollPoller } from './epoll-poller.ts';
import { KqueuePoller } from './kqueue-poller.ts';
import { type Poller, READABLE } from './poller.ts';

/**
 * A descriptor that is readable when one of those that it is told of is ready. poll(2) and select(2) have none by which a
 * host could watch them, so theirs is an epoll instance, or a kqueue, that is told the same and never asked.
 */
export class Doorbell {
  readonly #kernel: Poller = isDarwin ? new KqueuePoller() : new EpollPoller();
  /** Regular files and their like: epoll refuses them, and for poll and select they are always ready. */
  readonly #alwaysReady = new Set<number>();
  /** While there are such, what rings for them. */
  #ringing = -1;

  /** @throws {SystemError} EMFILE, ENFILE, ENOMEM, ENOSPC */
  constructor(entries: Iterable<readonly [descriptor: number, interest: number]>) {
    for (const [descriptor, interest] of entries) {
      // The number of one that was closed without a word may be ours by now.
      if (descriptor === this.descriptor) continue;
      try {
        this.add(descriptor, interest);
      } catch (error) {
        // Or nobody's, which the poller's own wait finds.
        if (isCode(error, 'EBADF')) continue;
        this.close();
        throw error;
      }
    }
  }

  get descriptor(): number {
    return this.#kernel.descriptor;
  }

  /** @throws {SystemError} as the kernel says */
  add(descriptor: number, interest: number): void {
    try {
      this.#kernel.register(descriptor, interest);
    } catch (error) {
      if (!isCode(error, 'EPERM')) throw error;
      if (this.#ringing < 0) this.#ring();
      this.#alwaysReady.add(descriptor);
    }
  }

  /** @throws {SystemError} as the kernel says */
  change(descriptor: number, interest: number): void {
    if (this.#alwaysReady.has(descriptor)) return;
    try {
      this.#kernel.modify(descriptor, interest);
    } catch (error) {
      // Closed and opened anew meanwhile: poll and select go by the number alone.
      if (!isCode(error, 'ENOENT')) throw error;
      this.add(descriptor, interest);
    }
  }

  remove(descriptor: number): void {
    if (!this.#alwaysReady.delete(descriptor)) this.#kernel.unregister(descriptor);
    else if (this.#alwaysReady.size === 0) this.#stopRinging();
  }

  close(): void {
    this.#stopRinging();
    this.#kernel.close();
  }

  #ring(): void {
    // A pipe that nobody writes to any more is at its end, and so always readable.
    const ends = new Int32Array(new ArrayBuffer(8));
    if (libc().pipe(ends) < 0) throw lastFailure('embed it', 'pipe');
    const [reader = -1, writer = -1] = ends;
    closeDescriptor(writer);
    libc().fcntl(reader, constants.F_SETFD, constants.FD_CLOEXEC);
    this.#ringing = reader;
    this.#kernel.register(reader, READABLE);
  }

  #stopRinging(): void {
    if (this.#ringing < 0) return;
    this.#kernel.unregister(this.#ringing);
    closeDescriptor(this.#ringing);
    this.#ringing = -1;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof SystemError && error.code === code;
}

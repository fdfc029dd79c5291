import { type DriverHost, SystemError } from '../../interface/index.ts';
import type { Poller } from '../../selectors/index.ts';
import type { Watched } from './watched.ts';

/**
 * Who is watched, and what for: between a poller, which knows descriptors, and what is open on them.
 *
 * A descriptor is to be dropped before it is closed. Who closes one of them all the same must not make the loop spin.
 * The kernel says so at the next call for that number (ENOENT: it is another file's by now; EBADF: nobody's), or a new
 * registration of the number does. An epoll instance may by then report the old file for ever, under that number, if it
 * is open elsewhere, and takes no call that would end it: before the next wait the poller is made anew.
 */
export class Reactor {
  readonly host: DriverHost;
  readonly #makePoller: () => Poller;
  #poller: Poller;
  #watched: (Watched | undefined)[] = [];
  #refs = 0;
  /** The kernel may watch files that we have no name for. */
  #stale = false;
  #staleReported = false;

  constructor(host: DriverHost, makePoller: () => Poller) {
    this.host = host;
    this.#makePoller = makePoller;
    this.#poller = makePoller();
  }

  get poller(): Poller {
    return this.#poller;
  }

  /** Open things that keep the host alive. */
  get refs(): number {
    return this.#refs;
  }

  ref(): void {
    if (this.#refs++ === 0) this.host.refsChanged();
  }

  unref(): void {
    if (--this.#refs === 0) this.host.refsChanged();
  }

  /** Who has this descriptor, if it is watched. */
  at(fd: number): Watched | undefined {
    return this.#watched[fd];
  }

  /** @throws {SystemError} the kernel does not watch such a descriptor, or no more of them */
  want(watched: Watched, interest: number): void {
    const wanted = watched.wanted | interest;
    // Set last, so that a refusal leaves things as they were.
    if ((wanted & ~watched.told) !== 0) this.#register(watched, wanted);
    watched.wanted = wanted;
  }

  /**
   * From now on it is not called for this. The kernel is told only when it next reports it: who pauses and goes on before
   * anything has come, which is what flow control does, pays for no system call.
   */
  ignore(watched: Watched, interest: number): void {
    watched.wanted &= ~interest;
  }

  /** As `ignore`, for what will be reported at once if the kernel is not told. */
  refuse(watched: Watched, interest: number): void {
    watched.wanted &= ~interest;
    this.#tell(watched);
  }

  /** Watches it no more. To be called before the descriptor is closed. */
  drop(watched: Watched): void {
    watched.wanted = 0;
    this.#tell(watched);
  }

  /** Whether the kernel still has what it was told of; false for one that was closed and opened anew, too. */
  confirm(watched: Watched): boolean {
    return watched.told !== 0 && this.#modify(watched, watched.told);
  }

  /** Waits as `Driver.wait` does, and queues who is ready. */
  wait(timeout: number | null): void {
    if (this.#stale) this.#renew();
    const poller = this.#poller;
    const count = poller.wait(timeout);
    const { ready, readyFor } = poller;
    for (let index = 0; index < count; index++) {
      const fd = ready[index] as number;
      const watched = this.#watched[fd];
      if (watched === undefined) {
        poller.unregister(fd);
        this.#stale = true;
        continue;
      }
      const wanted = (readyFor[index] as number) & watched.wanted;
      if (wanted === 0) this.#tell(watched);
      else this.#queue(watched, wanted);
    }
  }

  #queue(watched: Watched, readyFor: number): void {
    const queued = watched.ready !== 0;
    watched.ready |= readyFor;
    if (!watched.calls) watched.run();
    else if (!queued) this.host.enqueue(watched);
  }

  #register(watched: Watched, wanted: number): void {
    const { fd } = watched;
    if (watched.told === 0 || !this.#modify(watched, wanted)) {
      const before = this.#watched[fd];
      if (before !== undefined) this.#supersede(before);
      this.#poller.register(fd, wanted);
      this.#watched[fd] = watched;
    }
    watched.told = wanted;
  }

  #tell(watched: Watched): void {
    const { told, wanted, fd } = watched;
    // Told of nothing: its number may be somebody else's.
    if (told === wanted || told === 0) return;
    if (wanted === 0) {
      watched.told = 0;
      this.#watched[fd] = undefined;
      if (!this.#poller.unregister(fd)) this.#stale = true;
      return;
    }
    let known: boolean;
    try {
      known = this.#modify(watched, wanted);
    } catch {
      return; // short of memory, say: it is tried again when the kernel next reports it
    }
    if (known) watched.told = wanted;
    // Its owner tries, and learns what has happened.
    else this.#queue(watched, wanted);
  }

  /** False: the descriptor was closed without a word, and is not watched any more. */
  #modify(watched: Watched, wanted: number): boolean {
    try {
      this.#poller.modify(watched.fd, wanted);
      return true;
    } catch (error) {
      if (!isGone(error)) throw error;
      watched.told = 0;
      this.#watched[watched.fd] = undefined;
      this.#stale = true;
      return false;
    }
  }

  /** Its number is somebody else's: it was closed without a word, and must not be touched any more. */
  #supersede(watched: Watched): void {
    watched.told = 0;
    watched.wanted = 0;
    this.#watched[watched.fd] = undefined;
    this.#poller.unregister(watched.fd);
    this.#stale = true;
    watched.lost();
  }

  /** Another poller, which knows of nothing but what we know of. */
  #renew(): void {
    let fresh: Poller;
    try {
      fresh = this.#makePoller();
    } catch (exception) {
      // Short of descriptors, probably. Until that has passed the loop may spin, but goes on.
      if (!this.#staleReported) {
        this.host.report({ message: 'Cannot forget a descriptor that was closed while watched', exception });
      }
      this.#staleReported = true;
      return;
    }
    this.#stale = false;
    this.#staleReported = false;
    const before = this.#poller;
    const all = this.#watched;
    this.#poller = fresh;
    this.#watched = [];
    for (const watched of all) {
      if (watched === undefined) continue;
      watched.told = 0;
      if (watched.wanted === 0) continue;
      try {
        this.#register(watched, watched.wanted);
      } catch {
        this.#queue(watched, watched.wanted);
      }
    }
    this.host.pollDescriptorChanged();
    before.close();
  }
}

function isGone(error: unknown): boolean {
  return error instanceof SystemError && (error.code === 'ENOENT' || error.code === 'EBADF');
}

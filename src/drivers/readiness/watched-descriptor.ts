import type { DescriptorWait, Runnable } from '../../interface/index.ts';
import { READABLE, WRITABLE } from '../../selectors/index.ts';
import { EBADF, systemFailure } from '../../syscalls/index.ts';
import { inUse, type OpenDescriptors } from './open-descriptors.ts';
import type { Reactor } from './reactor.ts';
import { Watched } from './watched.ts';

/** Who waits for one direction of a descriptor that is not ours. */
export interface Waiting {
  /** It is ready. */
  run(): void;
  /** It was closed without a word, and is watched no more. */
  lost(error: Error): void;
  /** As `DescriptorWait` has it, for each that waits. */
  who(): readonly (Runnable | string)[];
}

/** The descriptors that are the program's own, and who waits for each. */
export class WatchedDescriptors {
  readonly #reactor: Reactor;
  readonly #open: OpenDescriptors;
  readonly #all = new Map<number, WatchedDescriptor>();

  constructor(reactor: Reactor, open: OpenDescriptors) {
    this.#reactor = reactor;
    this.#open = open;
  }

  /**
   * To be asked before a descriptor that the program gave is taken over.
   *
   * @throws {StateError} `ERR_DESCRIPTOR_IN_USE`
   */
  mustBeFree(fd: number, doing: string): void {
    this.#open.mustNotHave(fd, doing);
    if (this.#all.has(fd))
      throw inUse(doing, 'a reader or a writer is registered for it, or an operation waits');
  }

  at(fd: number, interest: number): Waiting | null {
    return this.#all.get(fd)?.at(interest) ?? null;
  }

  /**
   * From now on `waiting`, in place of who has waited for the same.
   *
   * @throws {StateError} the descriptor is the driver's
   * @throws {SystemError} the kernel does not watch it: EBADF, EPERM
   */
  set(fd: number, interest: number, waiting: Waiting): void {
    this.#open.mustNotHave(fd, `watch descriptor ${fd}`);
    const known = this.#all.get(fd);
    if (known === undefined && this.#reactor.at(fd) !== undefined) {
      throw inUse(`watch descriptor ${fd}`, 'the loop itself has it');
    }
    const watched = known ?? new WatchedDescriptor(fd, this.#reactor, () => this.#gone(watched));
    watched.want(interest, waiting);
    if (known !== undefined) return;
    this.#all.set(fd, watched);
    this.#reactor.ref();
  }

  remove(fd: number, interest: number): void {
    const watched = this.#all.get(fd);
    if (watched === undefined) return;
    watched.refuse(interest);
    if (watched.wanted === 0) this.#gone(watched);
  }

  waits(): DescriptorWait[] {
    const waits: DescriptorWait[] = [];
    for (const [descriptor, watched] of this.#all) {
      for (const direction of ['read', 'write'] as const) {
        const waiting = watched.at(direction === 'read' ? READABLE : WRITABLE);
        for (const who of waiting?.who() ?? []) waits.push({ descriptor, direction, who });
      }
    }
    return waits;
  }

  #gone(watched: WatchedDescriptor): void {
    this.#all.delete(watched.fd);
    this.#reactor.unref();
  }
}

class WatchedDescriptor extends Watched {
  readonly #reactor: Reactor;
  readonly #onLost: () => void;
  #reader: Waiting | null = null;
  #writer: Waiting | null = null;

  constructor(fd: number, reactor: Reactor, onLost: () => void) {
    super(fd);
    this.#reactor = reactor;
    this.#onLost = onLost;
  }

  at(interest: number): Waiting | null {
    return interest === READABLE ? this.#reader : this.#writer;
  }

  want(interest: number, waiting: Waiting): void {
    const reactor = this.#reactor;
    // Its number may have been closed and opened anew: then the kernel is told again.
    if ((this.told & interest) !== 0) reactor.confirm(this);
    try {
      reactor.want(this, interest);
    } catch (error) {
      if (this.told === 0) this.#loseIfWanted();
      throw error;
    }
    this.#put(interest, waiting);
  }

  refuse(interest: number): void {
    this.#reactor.refuse(this, interest);
    this.#put(interest, null);
  }

  override run(): void {
    if (this.ready === 0 || this.wanted === 0) {
      this.ready = 0;
    } else if (this.#reactor.confirm(this)) {
      super.run();
    } else {
      this.ready = 0;
      this.#loseIfWanted();
    }
  }

  override lost(): void {
    const reader = this.#reader;
    const writer = this.#writer;
    this.#reader = null;
    this.#writer = null;
    this.#onLost();
    const error = systemFailure(
      `wait for descriptor ${this.fd}, which was closed meanwhile`,
      'epoll_ctl',
      EBADF,
    );
    reader?.lost(error);
    writer?.lost(error);
  }

  protected readable(): void {
    this.#reader?.run();
  }

  protected writable(): void {
    this.#writer?.run();
  }

  override toString(): string {
    return `<I/O of descriptor ${this.fd}>`;
  }

  #loseIfWanted(): void {
    if (this.wanted === 0) return;
    this.wanted = 0;
    this.lost();
  }

  #put(interest: number, waiting: Waiting | null): void {
    // What the one before was to be told is no news for this one.
    this.ready &= ~interest;
    if (interest === READABLE) this.#reader = waiting;
    else this.#writer = waiting;
  }
}

import { StateError } from '../interface/index.ts';
import { currentDescriptor, descriptorOf, type FileObject } from './file-object.ts';
import { type Poller, READABLE, WRITABLE } from './poller.ts';
import { closedError } from './poller-errors.ts';
import { SelectorKeyError } from './selector-key-error.ts';

/** Bits of what a file object is watched and ready for: data to be read, or the end of them; a connection to be accepted. */
export const EVENT_READ: 1 = READABLE;
/** Room to write; a connection that was made, or could not be. */
export const EVENT_WRITE: 2 = WRITABLE;

/** A file object, the descriptor it had when it was registered, what it is watched for, and what its owner put there. */
export interface SelectorKey<Data = unknown> {
  readonly fileobj: FileObject;
  readonly fd: number;
  readonly events: number;
  readonly data: Data;
}

type DataArgument<Data> = undefined extends Data ? [data?: Data] : [data: Data];

/**
 * Waits for many file objects at once: Python's `selectors`, which came from Tulip. Level-triggered: what is ready is
 * reported by every `select` until it has been dealt with. Unregister before you close; a descriptor that was closed
 * without is not reported for long, if at all, and its key stays until it is unregistered.
 *
 * `select` blocks the thread. To wait beside everything else, use a loop and its `addReader`.
 *
 * After `close`, everything but `close`, `getMap` and `fd` throws a StateError (`ERR_SELECTOR_CLOSED`).
 *
 * @see PEP 3156, "Specifying Times" and "Watching file descriptors"; the module `selectors` of Python
 */
export class Selector<Data = unknown> implements Disposable {
  readonly #poller: Poller;
  readonly #keys = new Map<number, SelectorKey<Data>>();
  #closed = false;

  /** @param poller who asks the kernel; it is the selector's from now on, and closed with it */
  constructor(poller: Poller) {
    this.#poller = poller;
  }

  /**
   * Readable when `select(0)` would find something: a selector can be registered in another one, or be watched by a
   * loop. For select and poll, which have no descriptor of their own, one is made when this is first asked for. -1 once
   * it is closed.
   *
   * @throws {SystemError} EMFILE, ENFILE, ENOMEM: it cannot be made
   */
  get fd(): number {
    return this.#closed ? -1 : this.#poller.descriptor;
  }

  /**
   * Watches a file object. A refusal leaves nothing behind.
   *
   * @param events EVENT_READ, EVENT_WRITE, or both (`|`)
   * @param data anything, found again in the key
   * @throws {SelectorKeyError} its descriptor is registered already
   * @throws {TypeError | RangeError} no file object, no such events
   * @throws {SystemError} EBADF: closed; EPERM: epoll watches no regular files; EINVAL: 1024 and above for select
   */
  register(fileobj: FileObject, events: number, ...[data]: DataArgument<Data>): SelectorKey<Data> {
    this.#check('register');
    checkEvents(events);
    const fd = descriptorOf(fileobj);
    if (this.#keys.has(fd)) {
      throw new SelectorKeyError('ERR_ALREADY_REGISTERED', `Cannot register ${fd}: it is registered already`);
    }
    this.#poller.register(fd, events);
    return this.#keep({ fileobj, fd, events, data: data as Data });
  }

  /**
   * Watches it no more, and returns the key that it had. Works after it was closed, too: by number for numbers and for
   * objects that still tell theirs, by identity for those that do not.
   *
   * @throws {SelectorKeyError} it is not registered
   */
  unregister(fileobj: FileObject): SelectorKey<Data> {
    const key = this.getKey(fileobj);
    this.#keys.delete(key.fd);
    this.#poller.unregister(key.fd);
    return key;
  }

  /**
   * Changes events and data, and returns the new key: the old one if nothing changes. The kernel is told only of events.
   * If it refuses, the file object is not registered any more.
   *
   * @throws {SelectorKeyError} it is not registered
   * @throws {RangeError} no such events; nothing has changed
   * @throws {SystemError} as the kernel says: ENOENT and EBADF for one that was closed
   */
  modify(fileobj: FileObject, events: number, ...[data]: DataArgument<Data>): SelectorKey<Data> {
    const key = this.getKey(fileobj);
    checkEvents(events);
    if (events !== key.events) {
      try {
        this.#poller.modify(key.fd, events);
      } catch (error) {
        this.#keys.delete(key.fd);
        this.#poller.unregister(key.fd);
        throw error;
      }
    } else if (Object.is(data, key.data)) {
      return key;
    }
    return this.#keep({ ...key, events, data: data as Data });
  }

  /**
   * Blocks until something is ready, or the time is up.
   *
   * A signal does not end it: it goes on with what is left of the time. Signal handlers are JavaScript and run when this
   * has returned; a signal without one has its default action at once.
   *
   * @param timeout milliseconds, fractions allowed; 0 or less: do not wait; null: without limit
   * @returns keys, with those of their events for which they are ready; of error and hang-up all of them. Empty: time is up
   * @throws {TypeError | RangeError} no such timeout
   * @throws {StateError} nothing is registered, and there is no timeout: it would block for ever
   * @throws {SystemError} the kernel refuses
   */
  select(timeout: number | null = null): [key: SelectorKey<Data>, events: number][] {
    this.#check('select');
    checkTimeout(timeout);
    if (timeout === null && this.#keys.size === 0) {
      throw new StateError(
        'ERR_NOTHING_REGISTERED',
        'Cannot select without a timeout: nothing is registered that could end it',
      );
    }
    const deadline = timeout === null ? null : performance.now() + timeout;
    let left = timeout;
    for (;;) {
      const count = this.#poller.wait(left);
      if (count > 0) return this.#collect(count);
      if (deadline === null) continue;
      left = deadline - performance.now();
      if (left <= 0) return [];
    }
  }

  /**
   * The key of a file object.
   *
   * @throws {SelectorKeyError} it is not registered
   */
  getKey(fileobj: FileObject): SelectorKey<Data> {
    this.#check('look up a file object');
    const key = this.#find(fileobj);
    if (key === undefined) {
      const name = typeof fileobj === 'number' ? fileobj : 'the file object';
      throw new SelectorKeyError('ERR_NOT_REGISTERED', `Cannot find ${name}: it is not registered`);
    }
    return key;
  }

  /** What is registered, by descriptor. It follows what happens later, and is empty once the selector is closed. */
  getMap(): ReadonlyMap<number, SelectorKey<Data>> {
    return this.#keys;
  }

  /** Watches nothing any more; the file objects stay open. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keys.clear();
    this.#poller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #keep(key: SelectorKey<Data>): SelectorKey<Data> {
    this.#keys.set(key.fd, key);
    return key;
  }

  #find(fileobj: FileObject): SelectorKey<Data> | undefined {
    const fd = currentDescriptor(fileobj);
    if (fd !== null) return this.#keys.get(fd);
    for (const key of this.#keys.values()) if (key.fileobj === fileobj) return key;
    return undefined;
  }

  #collect(count: number): [SelectorKey<Data>, number][] {
    const { ready, readyFor } = this.#poller;
    const found: [SelectorKey<Data>, number][] = [];
    for (let index = 0; index < count; index++) {
      const fd = ready[index] as number;
      const key = this.#keys.get(fd);
      if (key === undefined) {
        // Its file is still open elsewhere, and epoll goes by files: closed without a word, then unregistered.
        this.#poller.unregister(fd);
        continue;
      }
      const events = (readyFor[index] as number) & key.events;
      if (events !== 0) found.push([key, events]);
    }
    return found;
  }

  #check(doing: string): void {
    if (this.#closed) throw closedError(doing);
  }
}

function checkEvents(events: number): void {
  if (events !== EVENT_READ && events !== EVENT_WRITE && events !== (EVENT_READ | EVENT_WRITE)) {
    throw new RangeError(
      `Cannot watch for ${events}: it is neither EVENT_READ (1), EVENT_WRITE (2) nor both (3)`,
    );
  }
}

function checkTimeout(timeout: number | null): void {
  if (timeout === null) return;
  if (typeof timeout !== 'number')
    throw new TypeError(`Cannot wait ${String(timeout)}: milliseconds are a number`);
  if (Number.isNaN(timeout)) throw new RangeError('Cannot wait NaN milliseconds');
}

/** What a descriptor may be ready for, as bits. */
export const READABLE = 1;
export const WRITABLE = 2;

/** What one wait reports at most; what is ready beyond it is reported by the next. */
export const readyMax = 1024;

/**
 * Asks the kernel which descriptors are ready, level-triggered: what selectors and drivers stand on. It keeps no account
 * of who wants what; a descriptor is registered once, and unregistered before it is closed.
 *
 * An interest is READABLE, WRITABLE or both: a RangeError otherwise. After `close` everything but `unregister` and
 * `close` throws a StateError (`ERR_SELECTOR_CLOSED`).
 */
export interface Poller {
  readonly name: string;
  /**
   * Readable when a wait would find something, so that another loop can be the host of this one. Where the kernel's own
   * call has no such thing it is made when it is first asked for. The host lets go of it before `close`.
   *
   * @throws {SystemError} EMFILE, ENFILE, ENOMEM: it cannot be made
   */
  readonly descriptor: number;
  /** @throws {SystemError} EEXIST, EBADF; EPERM: the kernel does not watch such files; EINVAL: more than it can watch */
  register(descriptor: number, interest: number): void;
  /** @throws {SystemError} ENOENT, EBADF */
  modify(descriptor: number, interest: number): void;
  /**
   * False: it was not registered, or is closed already; then the kernel may go on reporting it, if its file is still open
   * under another number.
   */
  unregister(descriptor: number): boolean;
  /**
   * Waits until something is ready, `timeout` milliseconds have passed (null: no limit; 0 or less: do not wait; fractions
   * count, never early), or a signal interrupts; returns how many are ready, each descriptor once. Error and hang-up make
   * one ready for all that it is watched for.
   *
   * One that was closed all the same is either forgotten by the kernel, or reported once as ready for everything and then
   * forgotten: whoever reads it meets EBADF, and nothing spins.
   *
   * @throws {SystemError} the kernel refuses
   */
  wait(timeout: number | null): number;
  /** The first so many, as `wait` said: descriptors, and for what each is ready. Overwritten by the next wait. */
  readonly ready: Int32Array;
  readonly readyFor: Uint8Array;
  /** Idempotent. */
  close(): void;
}

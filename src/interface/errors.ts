/** A failure reported on purpose. Match on `code`, show `message`, follow `cause`. */
export class LoopError<Code extends string = string> extends Error {
  override readonly name: string = 'LoopError';
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What asyncio calls a RuntimeError: the call cannot be made in the state things are in. */
export class StateError<Code extends string = string> extends LoopError<Code> {
  override readonly name: string = 'StateError';
}

/** A future was asked for an outcome it does not have, or given a second one. */
export class InvalidStateError extends StateError<'ERR_INVALID_STATE'> {
  override readonly name = 'InvalidStateError';

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_INVALID_STATE', message, options);
  }
}

/**
 * A request to stop, not a failure: let it through, or catch it, clean up and throw it again.
 *
 * `reason` is what the canceller said, `scope` the scope whose cancellation this is (null: the whole task). A scope
 * ends only its own cancellation, so one that is caught on the way must be thrown on.
 */
export class CancelledError extends LoopError<'ERR_CANCELLED'> {
  override readonly name = 'CancelledError';
  readonly reason: unknown;
  readonly scope: object | null;

  constructor(reason?: unknown, options?: ErrorOptions & { scope?: object | null }) {
    super('ERR_CANCELLED', reason === undefined ? 'Cancelled' : `Cancelled: ${describe(reason)}`, options);
    this.reason = reason;
    this.scope = options?.scope ?? null;
  }
}

function describe(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** A signal asked the program to end while `run` was running it: what other languages call a KeyboardInterrupt. */
export class InterruptedError extends LoopError<'ERR_INTERRUPTED'> {
  override readonly name = 'InterruptedError';
  readonly signal: string;

  constructor(signal: string, options?: ErrorOptions) {
    super('ERR_INTERRUPTED', `Interrupted by ${signal}`, options);
    this.signal = signal;
  }
}

/** Time ran out. `cause` is the cancellation by which the work was stopped, where there was one. */
export class TimeoutError extends LoopError<'ERR_TIMEOUT'> {
  override readonly name = 'TimeoutError';

  constructor(message = 'Timed out', options?: ErrorOptions) {
    super('ERR_TIMEOUT', message, options);
  }
}

/** Several failures at once: of a task group, or of all the addresses of a host. `errors` has them in order. */
export class GroupError extends AggregateError {
  override readonly name = 'GroupError';
  readonly code = 'ERR_GROUP';

  constructor(errors: Iterable<unknown>, message: string, options?: ErrorOptions) {
    super(errors, message, options);
  }
}

/** The driver under this loop, or the platform under the driver, does not offer what was asked. */
export class NotSupportedError extends LoopError<'ERR_NOT_SUPPORTED'> {
  override readonly name = 'NotSupportedError';
  /** what was asked: a feature of {@link Driver}, or the method's name */
  readonly feature: string;
  /** the driver that was asked */
  readonly driver: string;

  constructor(feature: string, driver: string, message: string, options?: ErrorOptions) {
    super('ERR_NOT_SUPPORTED', message, options);
    this.feature = feature;
    this.driver = driver;
  }
}

/**
 * A system call or a name look-up failed. Carries the fields Node users know: `code` is the kernel's own name for it
 * (`'ECONNREFUSED'`), `errno` its number as Node gives it (negative), `syscall` what was called.
 *
 * @see errno(3), getaddrinfo(3)
 */
export class SystemError extends LoopError {
  override readonly name = 'SystemError';
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;

  constructor(
    message: string,
    fields: {
      code: string;
      errno?: number | undefined;
      syscall?: string | undefined;
      address?: string | undefined;
      port?: number | undefined;
    },
    options?: ErrorOptions,
  ) {
    super(fields.code, message, options);
    this.errno = fields.errno;
    this.syscall = fields.syscall;
    this.address = fields.address;
    this.port = fields.port;
  }
}

/** The stream ended before as many bytes, or the separator, had arrived. `partial` holds what did arrive. */
export class IncompleteReadError extends LoopError<'ERR_INCOMPLETE_READ'> {
  override readonly name = 'IncompleteReadError';
  readonly partial: Uint8Array;
  /** bytes asked for; null where the end was to be marked by a separator */
  readonly expected: number | null;

  constructor(partial: Uint8Array, expected: number | null) {
    const wanted = expected === null ? 'the separator' : `${expected} bytes`;
    super('ERR_INCOMPLETE_READ', `Cannot read ${wanted}: the stream ended after ${partial.length} bytes`);
    this.partial = partial;
    this.expected = expected;
  }
}

/** No separator within the reader's limit. `consumed` bytes were looked at; all of them are still in the buffer. */
export class LimitOverrunError extends LoopError<'ERR_LIMIT_OVERRUN'> {
  override readonly name = 'LimitOverrunError';
  readonly consumed: number;

  constructor(message: string, consumed: number) {
    super('ERR_LIMIT_OVERRUN', message);
    this.consumed = consumed;
  }
}

/** True for a cancellation, whoever asked for it: `catch (error) { if (isCancellation(error)) throw error; … }`. */
export function isCancellation(error: unknown): error is CancelledError {
  return error instanceof CancelledError;
}

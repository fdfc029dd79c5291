import { GroupError, SystemError } from '../../interface/index.ts';

/** Node's words for what our system calls are. */
const syscalls: Readonly<Record<string, string>> = { recv: 'read', send: 'write' };

/**
 * A failure as Node's libraries know it: `code`, `errno`, `syscall`, `address`, `port`, and a message made of these. Several
 * at once are an `AggregateError` with the code of the first. `cause` is the failure itself; what is no failure of the
 * system is returned as it is.
 *
 * @param hostname whose addresses were looked for
 */
export function nodeFailure(error: unknown, hostname?: string): Error {
  if (error instanceof SystemError) {
    if (error.cause instanceof GroupError) return nodeFailure(error.cause, hostname);
    return systemFailure(error, hostname);
  }
  if (error instanceof GroupError) {
    const errors = error.errors.map((one) => nodeFailure(one, hostname));
    const { code } = errors[0] as NodeJS.ErrnoException;
    // Node's says nothing, and libraries pass on what it says.
    const message = errors.map((one) => one.message).join(', ');
    return Object.assign(new AggregateError(errors, message, { cause: error }), { code });
  }
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}

function systemFailure(error: SystemError, hostname: string | undefined): Error {
  const { code, errno, address, port } = error;
  const syscall = error.syscall === undefined ? undefined : (syscalls[error.syscall] ?? error.syscall);
  const isLookup = syscall === 'getaddrinfo';
  const where = isLookup ? hostname : port === undefined ? address : `${address}:${port}`;
  const words = [syscall, code, where].filter((word) => word !== undefined);
  const failure = new Error(words.join(' '), { cause: error });
  const fields = isLookup ? { hostname } : { address, port };
  for (const [name, value] of Object.entries({ errno, code, syscall, ...fields })) {
    if (value !== undefined) Object.assign(failure, { [name]: value });
  }
  return failure;
}

/** An error with one of Node's own codes, for what its modules refuse. */
export function coded<E extends Error>(code: string, error: E): E & { code: string } {
  return Object.assign(error, { code });
}

/** A socket was used that has no connection. */
export function socketClosed(): Error {
  return coded('ERR_SOCKET_CLOSED', new Error('Socket is closed'));
}

/** The wrong type of argument, as Node says it. */
export function invalidType(name: string, expected: string, value: unknown): TypeError {
  const given = value === null || value === undefined ? String(value) : `type ${typeof value}`;
  const message = `The "${name}" ${name.includes('.') ? 'property' : 'argument'} must be ${expected}. Received ${given}`;
  return coded('ERR_INVALID_ARG_TYPE', new TypeError(message));
}

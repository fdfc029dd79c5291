import { getSystemErrorMap } from 'node:util';
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

/** Why a socket could not be connected; as `nodeFailure`, with where it was to be bound. */
export function connectFailure(error: unknown, target: ConnectTarget): Error {
  const failure = nodeFailure(error, target.host) as NodeJS.ErrnoException;
  const { localAddress, localPort } = target;
  if (failure.syscall !== 'connect' || (!localAddress && !localPort)) return failure;
  failure.message += ` - Local (${localAddress}:${localPort})`;
  return Object.assign(failure, { localAddress, localPort });
}

interface ConnectTarget {
  host?: string | undefined;
  localAddress?: string | undefined;
  localPort?: number | undefined;
}

/** Why a server does not listen, as Node says it: in words, too. */
export function listenFailure(error: unknown, path: string | null): Error {
  const failure = nodeFailure(error) as NodeJS.ErrnoException & { address?: string; port?: number };
  const { code, errno } = failure;
  if (code === undefined || failure.syscall === 'getaddrinfo') return failure;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  const address = path ?? failure.address;
  const where = failure.port === undefined ? address : `${address}:${failure.port}`;
  const words = known === undefined ? code : `${code}: ${known[1]}`;
  failure.message = `listen ${words}${where === undefined ? '' : ` ${where}`}`;
  return Object.assign(failure, { syscall: 'listen' }, address === undefined ? {} : { address });
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

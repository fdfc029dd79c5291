import { constants as os } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { SystemError } from '../interface/index.ts';
import { errno } from './libc.ts';

const { errno: numbers } = os;

export const EAFNOSUPPORT = numbers.EAFNOSUPPORT;
export const EAGAIN = numbers.EAGAIN;
export const EBADF = numbers.EBADF;
export const ECONNABORTED = numbers.ECONNABORTED;
export const ECONNREFUSED = numbers.ECONNREFUSED;
export const EEXIST = numbers.EEXIST;
export const EFAULT = numbers.EFAULT;
export const EINPROGRESS = numbers.EINPROGRESS;
export const EINTR = numbers.EINTR;
export const EINVAL = numbers.EINVAL;
export const EIO = numbers.EIO;
export const EMFILE = numbers.EMFILE;
export const EMSGSIZE = numbers.EMSGSIZE;
export const ENFILE = numbers.ENFILE;
export const ENOBUFS = numbers.ENOBUFS;
export const ENOENT = numbers.ENOENT;
export const ENOMEM = numbers.ENOMEM;
export const ENOSYS = numbers.ENOSYS;
export const ENOTCONN = numbers.ENOTCONN;
export const ENOTSOCK = numbers.ENOTSOCK;
export const EISDIR = numbers.EISDIR;
export const EOPNOTSUPP = numbers.EOPNOTSUPP;
export const EOVERFLOW = numbers.EOVERFLOW;
export const EPERM = numbers.EPERM;
export const EPIPE = numbers.EPIPE;
export const EPROTO = numbers.EPROTO;
export const EPROTONOSUPPORT = numbers.EPROTONOSUPPORT;
export const ESPIPE = numbers.ESPIPE;

/**
 * The failure of a system call, told as Node tells it.
 *
 * @param doing what could not be done: *connect to 127.0.0.1:80*
 * @param number the kernel's, positive
 */
export function systemFailure(
  doing: string,
  syscall: string,
  number: number,
  fields: { address?: string; port?: number } = {},
): SystemError {
  const [code, why] = getSystemErrorMap().get(-number) ?? ['EUNKNOWN', `error ${number}`];
  return new SystemError(`Cannot ${doing}: ${why} (${code})`, { code, errno: -number, syscall, ...fields });
}

/** That of the call that has just failed, and nothing was called since. */
export function lastFailure(
  doing: string,
  syscall: string,
  fields?: { address?: string; port?: number },
): SystemError {
  return systemFailure(doing, syscall, errno(), fields);
}

import { SystemError } from '../../interface/index.ts';

/** Number and wording as Node has them on Linux, whatever this runs on: what a program reads is part of a simulation. */
const errors = {
  EACCES: [-13, 'permission denied'],
  EADDRINUSE: [-98, 'address already in use'],
  EADDRNOTAVAIL: [-99, 'address not available'],
  EAFNOSUPPORT: [-97, 'address family not supported'],
  EAGAIN: [-11, 'resource temporarily unavailable'],
  EAI_ADDRFAMILY: [-3000, 'address family not supported'],
  EAI_AGAIN: [-3001, 'temporary failure'],
  EAI_BADFLAGS: [-3002, 'bad ai_flags value'],
  EAI_SERVICE: [-3010, 'service not available for socket type'],
  ECONNABORTED: [-103, 'software caused connection abort'],
  ECONNREFUSED: [-111, 'connection refused'],
  ECONNRESET: [-104, 'connection reset by peer'],
  EHOSTUNREACH: [-113, 'host is unreachable'],
  EINVAL: [-22, 'invalid argument'],
  EMFILE: [-24, 'too many open files'],
  EMSGSIZE: [-90, 'message too long'],
  ENETUNREACH: [-101, 'network is unreachable'],
  ENOBUFS: [-105, 'no buffer space available'],
  ENOENT: [-2, 'no such file or directory'],
  ENOTCONN: [-107, 'socket is not connected'],
  ENOTFOUND: [-3008, 'unknown node or service'],
  EPERM: [-1, 'operation not permitted'],
  EPIPE: [-32, 'broken pipe'],
  EPROTOTYPE: [-91, 'protocol wrong type for socket'],
  ETIMEDOUT: [-110, 'connection timed out'],
} as const;

export type KernelErrorCode = keyof typeof errors;

/**
 * The failure of a system call or of a look-up.
 *
 * @param doing what could not be done: *connect to 10.0.0.2:80*
 */
export function kernelError(
  doing: string,
  syscall: string,
  code: KernelErrorCode,
  fields: { address?: string; port?: number } = {},
): SystemError {
  const [errno, why] = errors[code];
  return new SystemError(`Cannot ${doing}: ${why} (${code})`, { code, errno, syscall, ...fields });
}

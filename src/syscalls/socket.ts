import type { AddressFamily, SocketAddress, SocketType } from '../interface/index.ts';
import { constants, isDarwin } from './constants.ts';
import { EINTR, lastFailure, systemFailure } from './errors.ts';
import { errno, libc } from './libc.ts';
import { addressBytesMax, decodeAddress, familyNumber } from './socket-address.ts';

const {
  SOCK_STREAM,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_CLOEXEC,
  SOL_SOCKET,
  SO_ERROR,
  SO_NOSIGPIPE,
  F_GETFL,
  F_SETFL,
  F_SETFD,
  FD_CLOEXEC,
  O_NONBLOCK,
} = constants;

// The kernel writes here during one call, and what it wrote is taken before the next.
const addressBuffer = new Uint8Array(new ArrayBuffer(addressBytesMax));
const numbers = new Int32Array(new ArrayBuffer(4));
const lengths = new Int32Array(new ArrayBuffer(4));
const linger = new Int32Array(new ArrayBuffer(8));

/**
 * A new socket, not blocking and closed on exec.
 *
 * @throws {SystemError} EMFILE, ENFILE, ENOBUFS, ENOMEM, EAFNOSUPPORT, EACCES
 * @see socket(2)
 */
export function openSocket(family: AddressFamily | 'unix', type: SocketType, doing: string): number {
  const kind = (type === 'stream' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc().socket(familyNumber(family), kind, 0);
  if (fd < 0) throw lastFailure(doing, 'socket');
  prepare(fd);
  return fd;
}

/** Does for a new socket what the kernel could not be told when it was made. */
export function prepare(fd: number): void {
  if (SOCK_NONBLOCK === 0) {
    setNonBlocking(fd);
    libc().fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  if (SO_NOSIGPIPE !== 0) setOption(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
}

/** @see fcntl(2) */
export function setNonBlocking(fd: number): void {
  const flags = libc().fcntl(fd, F_GETFL, 0);
  if (flags < 0 || libc().fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw lastFailure(`use descriptor ${fd}`, 'fcntl');
  }
}

export function isNonBlocking(fd: number): boolean {
  const flags = libc().fcntl(fd, F_GETFL, 0);
  if (flags < 0) throw lastFailure(`use descriptor ${fd}`, 'fcntl');
  return (flags & O_NONBLOCK) !== 0;
}

/** @throws {SystemError} as setsockopt(2) says */
export function setOption(fd: number, level: number, option: number, value: number): void {
  numbers[0] = value;
  if (libc().setsockopt(fd, level, option, numbers, 4) < 0) {
    throw lastFailure(`set an option of descriptor ${fd}`, 'setsockopt');
  }
}

/** Has close(2) send a reset, and drop what is not sent. Nothing happens with sockets that know no reset. */
export function resetAtClose(fd: number): void {
  // struct linger: on, for 0 seconds
  linger[0] = 1;
  linger[1] = 0;
  libc().setsockopt(fd, constants.SOL_SOCKET, constants.SO_LINGER, linger, linger.byteLength);
}

/** @throws {SystemError} as getsockopt(2) says */
export function getOption(fd: number, level: number, option: number): number {
  numbers[0] = 0;
  lengths[0] = 4;
  if (libc().getsockopt(fd, level, option, numbers, lengths) < 0) {
    throw lastFailure(`ask for an option of descriptor ${fd}`, 'getsockopt');
  }
  return numbers[0] as number;
}

/** What went wrong on a socket since it was last asked, as a positive number; 0 if nothing did. */
export function pendingError(fd: number): number {
  numbers[0] = 0;
  lengths[0] = 4;
  if (libc().getsockopt(fd, SOL_SOCKET, SO_ERROR, numbers, lengths) < 0) return errno();
  return numbers[0] as number;
}

/** null: it has none, or does not tell. @see getsockname(2) */
export function localAddressOf(fd: number): SocketAddress | null {
  lengths[0] = addressBytesMax;
  return libc().getsockname(fd, addressBuffer, lengths) < 0 ? null : lastAddress();
}

/** null: not connected. @see getpeername(2) */
export function remoteAddressOf(fd: number): SocketAddress | null {
  lengths[0] = addressBytesMax;
  return libc().getpeername(fd, addressBuffer, lengths) < 0 ? null : lastAddress();
}

/** The descriptor of the next connection, not blocking and closed on exec; or a negative error number. @see accept4(2) */
export function acceptConnection(listener: number): number {
  const { accept, accept4 } = libc();
  for (;;) {
    lengths[0] = addressBytesMax;
    const fd = isDarwin
      ? accept(listener, addressBuffer, lengths)
      : accept4(listener, addressBuffer, lengths, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      if (isDarwin) prepare(fd);
      return fd;
    }
    const number = errno();
    if (number !== EINTR) return -number;
  }
}

/** Who is at the other end of what was accepted last. */
export function acceptedFrom(): SocketAddress | null {
  return lastAddress();
}

/**
 * Gives a descriptor back. It is gone even when this fails, so that nobody may close it again.
 *
 * @see close(2)
 */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

/** @throws {SystemError} as the kernel says */
export function checked(result: number, doing: string, syscall: string): number {
  if (result < 0) throw systemFailure(doing, syscall, errno());
  return result;
}

function lastAddress(): SocketAddress | null {
  return decodeAddress(addressBuffer, lengths[0] as number);
}

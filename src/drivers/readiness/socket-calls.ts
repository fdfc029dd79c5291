import type { SocketAddress } from '../../interface/index.ts';
import { encodeAddress, errno, lastFailure, libc } from '../../syscalls/index.ts';

/** 0, or the error's number. */
export function connect(fd: number, address: SocketAddress): number {
  const encoded = encodeAddress(address);
  return libc().connect(fd, encoded, encoded.length) < 0 ? errno() : 0;
}

/** @throws {SystemError} as bind(2) says */
export function bind(fd: number, address: SocketAddress, doing: string): void {
  const encoded = encodeAddress(address);
  if (libc().bind(fd, encoded, encoded.length) < 0) throw lastFailure(doing, 'bind', named(address));
}

/** An address as the fields of an error. */
export function named(address: { path: string } | { host: string; port: number }): {
  address: string;
  port?: number;
} {
  return 'path' in address ? { address: address.path } : { address: address.host, port: address.port };
}

import { fstatSync, readSync } from 'node:fs';
import { systemFailure } from './errors.ts';
import { libc } from './libc.ts';

const SEEK_SET = 0;

/** @throws {SystemError} EBADF */
export function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw systemFailure(`use descriptor ${fd}`, 'fstat', -errno);
  }
}

/** Up to `byteCount` bytes from `position` on, none at the end; the file's own position stays. @see pread(2) */
export function readFileAt(fd: number, position: number, byteCount: number): Uint8Array {
  const block = new Uint8Array(byteCount);
  return block.subarray(0, readSync(fd, block, 0, byteCount, position));
}

/** Sets the file's own position; does nothing for what has none. @see lseek(2) */
export function seekTo(fd: number, position: number): void {
  libc().lseek(fd, position, SEEK_SET);
}

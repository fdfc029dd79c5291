import { StateError, type SystemError } from '../interface/index.ts';
import { constants, EEXIST, ENOENT, lastFailure, libc, systemFailure } from '../syscalls/index.ts';
import { READABLE, WRITABLE } from './poller.ts';

export function closedError(doing: string): StateError<'ERR_SELECTOR_CLOSED'> {
  return new StateError('ERR_SELECTOR_CLOSED', `Cannot ${doing}: the selector is closed`);
}

export function alreadyWatched(descriptor: number, syscall: string): SystemError {
  return systemFailure(watching(descriptor), syscall, EEXIST);
}

export function notWatched(descriptor: number, syscall: string): SystemError {
  return systemFailure(watching(descriptor), syscall, ENOENT);
}

export function checkInterest(interest: number): void {
  if (interest !== READABLE && interest !== WRITABLE && interest !== (READABLE | WRITABLE)) {
    throw new RangeError(
      `Cannot watch for ${interest}: it is neither READABLE (1), WRITABLE (2) nor both (3)`,
    );
  }
}

/** For kernels' calls that take any number and complain later. @throws {SystemError} EBADF */
export function checkOpen(descriptor: number): void {
  if (!isOpen(descriptor)) throw lastFailure(watching(descriptor), 'fcntl');
}

export function isOpen(descriptor: number): boolean {
  return libc().fcntl(descriptor, constants.F_GETFD, 0) >= 0;
}

export function watching(descriptor: number): string {
  return `watch descriptor ${descriptor}`;
}

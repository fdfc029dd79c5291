import { linkSync, lstatSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { SystemError } from '../../interface/index.ts';

/**
 * Makes room for a Unix socket that is to be bound: a socket file that an earlier one left behind goes.
 *
 * @throws {SystemError} EADDRINUSE: something else than a socket has that name
 * @throws what the platform says of a folder that is not there, which libuv would report as EACCES
 */
export function removeStaleSocket(path: string, doing = `listen on ${path}`): void {
  if (hasNoFile(path)) return;
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) {
    statSync(dirname(path));
    return;
  }
  if (!status.isSocket()) {
    throw new SystemError(`Cannot ${doing}: something that is no socket has that name`, {
      code: 'EADDRINUSE',
      syscall: 'bind',
      address: path,
    });
  }
  unlinkSync(path);
}

/** Which file a path names now; null if none. */
export function fileIdentity(path: string): string | null {
  if (hasNoFile(path)) return null;
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status === undefined ? null : `${status.dev}:${status.ino}`;
}

let kept = 0;

/**
 * Calls `close`, by which libuv removes whatever has that name, and keeps the file all the same: by a second name while
 * that happens.
 */
export function keepingFile(path: string, close: () => void): void {
  const second = `${path}.${process.pid}.${kept++}.keep`;
  try {
    linkSync(path, second);
  } catch {
    close();
    return;
  }
  close();
  try {
    linkSync(second, path);
  } catch {
    // Somebody has taken the name in between: it is theirs.
  }
  unlinkSync(second);
}

/** An abstract name of Linux, or a named pipe of Windows. */
function hasNoFile(path: string): boolean {
  return path.startsWith('\0') || process.platform === 'win32';
}

import { fstatSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { checked, closeDescriptor, constants, isDarwin, libc, setNonBlocking } from '../../syscalls/index.ts';
import { systemError } from '../common/system-error.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOCTTY, O_CLOEXEC, F_SETFD, FD_CLOEXEC } = constants;

const utf8 = new TextEncoder();

/** One end of something like a pipe, taken over. */
export interface PipeEnd {
  readonly fd: number;
  readonly kind: 'pipe' | 'socket' | 'terminal' | 'device' | 'file';
  /** Gives the descriptor back. */
  release(): void;
}

/**
 * Takes over a descriptor, which does not block from then on.
 *
 * The standard streams, 0 to 2, are not ours alone: they stay open, and what other processes have of them must not begin
 * to answer EAGAIN. Whether a descriptor blocks is a property of the open file description, which a parent and its
 * children share (fcntl(2)), so that a program that ends without setting it back breaks the shell it was started from. A
 * pipe, a terminal or another device is therefore opened once more, which gives a description of our own. A socket cannot
 * be, nor one of another user's; that one is duplicated and does share the flag, which Node sets back when it exits. A
 * regular file never blocks, and is duplicated because its position is to be shared.
 *
 * @throws {RangeError} nothing like a pipe
 * @throws {SystemError} EBADF
 */
export function takePipeEnd(fd: number, direction: 'read' | 'write', close: (() => void) | null): PipeEnd {
  const doing = `use descriptor ${fd} as a pipe`;
  const standard = fd <= 2;
  const kind = kindOf(fd, doing);
  if (kind === null || (kind === 'file' && !standard)) {
    throw new RangeError(
      `Cannot ${doing}: it is ${kind === null ? 'something else' : 'a regular file'}, and no pipe, socket or character device`,
    );
  }
  const own = standard ? another(fd, kind, direction, doing) : fd;
  if (kind !== 'file') setNonBlocking(own);
  return { fd: own, kind, release: standard || close === null ? () => closeDescriptor(own) : close };
}

function kindOf(fd: number, doing: string): PipeEnd['kind'] | null {
  let status: Stats;
  try {
    status = fstatSync(fd);
  } catch (error) {
    throw systemError(doing, error);
  }
  if (status.isFIFO()) return 'pipe';
  if (status.isSocket()) return 'socket';
  if (status.isCharacterDevice()) return isatty(fd) ? 'terminal' : 'device';
  return status.isFile() || status.isBlockDevice() ? 'file' : null;
}

function another(fd: number, kind: PipeEnd['kind'], direction: 'read' | 'write', doing: string): number {
  // macOS has /dev/fd, but opening that duplicates.
  if (!isDarwin && kind !== 'file' && kind !== 'socket') {
    const flags = (direction === 'read' ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const reopened = libc().open(utf8.encode(`/proc/self/fd/${fd}\0`), flags, 0);
    if (reopened >= 0) return reopened;
  }
  const duplicate = checked(libc().dup(fd), doing, 'dup');
  libc().fcntl(duplicate, F_SETFD, FD_CLOEXEC);
  return duplicate;
}

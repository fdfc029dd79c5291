import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';
import { StateError } from '../interface/index.ts';

// Where debug sockets are: one folder for each user, that nobody else can enter. Whoever could connect could read the
// names of tasks, and those may say a lot.

const socketName = /^(\d+)(?:-(\d+))?(?:\.\d+)?\.sock$/;

/** What decides where the folder is. */
export type FolderEnvironment = Readonly<Record<string, string | undefined>>;

/** The folder of a user's debug sockets. @param uid of the user; null where the system has none */
export function socketFolder(environment: FolderEnvironment, uid: number | null): string {
  const runtime = environment['XDG_RUNTIME_DIR'];
  if (runtime !== undefined && isAbsolute(runtime)) return join(runtime, 'tulipa');
  const temporary = environment['TMPDIR'];
  const base = temporary !== undefined && isAbsolute(temporary) ? temporary : tmpdir();
  return join(base, `tulipa-${uid ?? 'user'}`);
}

export function ownUid(): number | null {
  return process.getuid?.() ?? null;
}

/**
 * Makes the folder, if it is not there, and makes sure that it is ours alone.
 *
 * @throws {StateError} somebody else can enter it
 * @throws what the file system says of one that cannot be made
 */
export function makeSocketFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  const uid = ownUid();
  // Whoever made it before us, in a place where all may write, would hold our sockets in hand.
  if (!found.isDirectory() || (uid !== null && (found.uid !== uid || (found.mode & 0o077) !== 0))) {
    throw new StateError(
      'ERR_DEBUG_FOLDER',
      `Cannot open a debug socket in ${folder}: it is not a folder of ours alone`,
    );
  }
}

let socketsNamed = 0;

/** A name that no other socket of this process has. */
export function nextSocketName(): string {
  const thread = isMainThread ? '' : `-${threadId}`;
  const suffix = socketsNamed++ === 0 ? '' : `.${socketsNamed}`;
  return `${process.pid}${thread}${suffix}.sock`;
}

/** The sockets of a process, as far as the names of files tell; none if the folder cannot be read. */
export function socketsOf(pid: number, folder: string): string[] {
  return listSockets(folder)
    .filter((socket) => socket.pid === pid)
    .map(({ path }) => path)
    .sort();
}

/** The thread that a socket belongs to, by its name; 0: the main one. */
export function threadOf(path: string): number {
  return Number(socketName.exec(basename(path))?.[2] ?? 0);
}

/** Removes what processes have left behind that are no more. */
export function sweepSocketFolder(folder: string): void {
  for (const { pid, path } of listSockets(folder)) {
    if (!processExists(pid)) rmSync(path, { force: true });
  }
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function listSockets(folder: string): { pid: number; path: string }[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const pid = socketName.exec(name)?.[1];
      return pid === undefined ? [] : [{ pid: Number(pid), path: join(folder, name) }];
    });
  } catch {
    return [];
  }
}

import { openSync } from 'node:fs';
import { checked, closeDescriptor, constants, EAGAIN, errno, ffi, libc } from '../../src/syscalls/index.ts';

const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
const O_RDWR = 2;

const open = () =>
  ffi().open({
    mkfifo: ['i32', 'memory', 'u32'],
    posix_openpt: ['i32', 'i32'],
    grantpt: ['i32', 'i32'],
    unlockpt: ['i32', 'i32'],
    ptsname_r: ['i32', 'i32', 'memory', 'u32'],
  });
let opened: ReturnType<typeof open> | null = null;

/** What only tests call. */
function more(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

/** The ends of a new pipe, which block as they do by default. */
export function openRawPipe(): [reader: number, writer: number] {
  const ends = new Int32Array(new ArrayBuffer(8));
  checked(libc().pipe(ends), 'test', 'pipe');
  return [ends[0] as number, ends[1] as number];
}

export function makeFifo(path: string): void {
  checked(more().mkfifo?.(new TextEncoder().encode(`${path}\0`), 0o600) ?? -1, 'test', 'mkfifo');
}

/** Both ends of a FIFO: the reader first, because a writer without one is refused. */
export function openFifo(path: string): [reader: number, writer: number] {
  const reader = openSync(path, constants.O_RDONLY | O_NONBLOCK);
  return [reader, openSync(path, O_WRONLY)];
}

/** A pseudo-terminal that passes everything on as it is typed; null where there is none. @see pty(7) */
export function openTerminal(): { master: number; slave: number } | null {
  const master = more().posix_openpt?.(O_RDWR | O_NOCTTY) ?? -1;
  if (master < 0) return null;
  const name = new Uint8Array(new ArrayBuffer(64));
  if (more().grantpt?.(master) !== 0 || more().unlockpt?.(master) !== 0) return null;
  if (more().ptsname_r?.(master, name, 64) !== 0) return null;
  const path = new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
  return { master, slave: openSync(path, O_RDWR | O_NOCTTY) };
}

export function writeRaw(fd: number, text: string): void {
  const data = new TextEncoder().encode(text);
  checked(libc().write(fd, data, data.length), 'test', 'write');
}

/** null: there is nothing now; '' at the end. The descriptor must not block. */
export function readRaw(fd: number): Uint8Array | null {
  const buffer = new Uint8Array(new ArrayBuffer(64 * 1024));
  const count = libc().read(fd, buffer, buffer.length);
  if (count >= 0) return buffer.subarray(0, count);
  const number = errno();
  if (number === EAGAIN) return null;
  throw new Error(`read: ${number}`);
}

export function isOpen(fd: number): boolean {
  return libc().fcntl(fd, constants.F_GETFD, 0) >= 0;
}

export { closeDescriptor as closeRaw };

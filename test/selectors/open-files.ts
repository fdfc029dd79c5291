import { closeSync, openSync } from 'node:fs';
import { constants, libc, setNonBlocking } from '../../src/syscalls/index.ts';

const F_DUPFD = 0;

/** Descriptors that are closed at the end of the test, whatever was closed before. */
export class OpenFiles implements Disposable {
  readonly #open = new Set<number>();

  pipe(): { reader: number; writer: number } {
    const ends = new Int32Array(new ArrayBuffer(8));
    this.#check(libc().pipe(ends), 'pipe');
    const [reader = -1, writer = -1] = ends;
    return { reader: this.#keep(reader), writer: this.#keep(writer) };
  }

  /** Two connected stream sockets, not blocking. */
  socketPair(): [number, number] {
    const ends = new Int32Array(new ArrayBuffer(8));
    this.#check(libc().socketpair(constants.AF_UNIX, constants.SOCK_STREAM, 0, ends), 'socketpair');
    const [a = -1, b = -1] = ends;
    for (const end of [a, b]) setNonBlocking(end);
    return [this.#keep(a), this.#keep(b)];
  }

  /** The same file at a number that is at least this. */
  duplicateAt(descriptor: number, least: number): number {
    return this.#keep(this.#check(libc().fcntl(descriptor, F_DUPFD, least), 'fcntl'));
  }

  regularFile(path: string): number {
    return this.#keep(openSync(path, 'r'));
  }

  close(descriptor: number): void {
    this.#open.delete(descriptor);
    closeSync(descriptor);
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#open) closeSync(descriptor);
  }

  #keep(descriptor: number): number {
    this.#open.add(descriptor);
    return descriptor;
  }

  #check(result: number, name: string): number {
    if (result < 0) throw new Error(`${name} failed`);
    return result;
  }
}

const oneByte = new Uint8Array(new ArrayBuffer(1));

export function writeByte(descriptor: number): void {
  if (libc().write(descriptor, oneByte, 1) !== 1) throw new Error(`Cannot write to ${descriptor}`);
}

export function readByte(descriptor: number): void {
  if (libc().read(descriptor, oneByte, 1) !== 1) throw new Error(`Cannot read from ${descriptor}`);
}

/** Writes to what does not block until nothing more goes in. */
export function fill(descriptor: number): void {
  const chunk = new Uint8Array(new ArrayBuffer(65_536));
  while (libc().write(descriptor, chunk, chunk.length) > 0);
}

/** How many descriptors this process has open below this number. */
export function countOpen(limit = 4_096): number {
  let count = 0;
  for (let descriptor = 0; descriptor < limit; descriptor++) {
    if (libc().fcntl(descriptor, constants.F_GETFD, 0) >= 0) count++;
  }
  return count;
}

import { constants, libc, Memory } from '../../syscalls/index.ts';

const { MSG_NOSIGNAL } = constants;

const stageBytes = 64 * 1024;

/** No call moves more: its size and its result are 32-bit numbers. */
export const callBytesMax = 2 ** 30;

/** From here on a chunk goes to the kernel from where it lies; below, several are put together first. */
const directBytesMin = 16 * 1024;

/**
 * So small an array may lie in the garbage collector's heap; handing that to a foreign function moves it out first,
 * which costs more than to copy it.
 */
const copiedBytesMax = 64;

/** What all channels of a driver write from: small chunks are collected here and cost one system call together. */
export class WriteStage {
  readonly #libc = libc();
  readonly #memory = new Memory(stageBytes);

  /**
   * Sends, as one call, as much of `chunks` as fits that; from `offset` of the first one on. Returns what send(2) does.
   */
  send(fd: number, chunks: readonly Uint8Array[], index: number, offset: number): number {
    const whole = chunks[index] as Uint8Array;
    const first = offset === 0 ? whole : whole.subarray(offset);
    const { length } = first;
    const alone = index + 1 === chunks.length;
    if (length >= directBytesMin || (alone && length > copiedBytesMax)) {
      return this.#libc.send(fd, first, Math.min(length, callBytesMax), MSG_NOSIGNAL);
    }
    return this.#libc.sendAt(fd, this.#memory.address, this.#collect(first, chunks, index), MSG_NOSIGNAL);
  }

  /** As `send`, by write(2): for what is no socket. */
  write(fd: number, chunks: readonly Uint8Array[], index: number, offset: number): number {
    const whole = chunks[index] as Uint8Array;
    const first = offset === 0 ? whole : whole.subarray(offset);
    if (first.length >= directBytesMin) {
      return this.#libc.write(fd, first, Math.min(first.length, callBytesMax));
    }
    return this.#libc.writeAt(fd, this.#memory.address, this.#collect(first, chunks, index));
  }

  #collect(first: Uint8Array, chunks: readonly Uint8Array[], index: number): number {
    const { bytes } = this.#memory;
    bytes.set(first);
    let used = first.length;
    for (let next = index + 1; next < chunks.length; next++) {
      const chunk = chunks[next] as Uint8Array;
      if (used + chunk.length > stageBytes) break;
      bytes.set(chunk, used);
      used += chunk.length;
    }
    return used;
  }
}

import { libc, Memory } from '../../syscalls/index.ts';

/** The most that one read takes. */
export const readBytesMax = 64 * 1024;

/**
 * The memory that all channels of a driver read into, so that an idle connection has none. What was read is lent: copying
 * it costs less than giving memory away and getting new, which the kernel must clear first, page by page.
 */
export class ReadSlab {
  readonly #libc = libc();
  readonly #memory = new Memory(readBytesMax);
  #view = this.#memory.bytes;

  /** Reads from a socket as recv(2) does. @param byteCount no more than `readBytesMax` */
  recv(fd: number, byteCount = readBytesMax): number {
    return this.#libc.recvAt(fd, this.#memory.address, byteCount, 0);
  }

  /** As `recv`, and says who sent it, as recvfrom(2) does. */
  recvFrom(
    fd: number,
    byteCount: number,
    address: Uint8Array<ArrayBuffer>,
    addressLength: Int32Array<ArrayBuffer>,
  ): number {
    return this.#libc.recvfromAt(fd, this.#memory.address, byteCount, 0, address, addressLength);
  }

  /** Reads from anything else as read(2) does. */
  read(fd: number): number {
    return this.#libc.readAt(fd, this.#memory.address, readBytesMax);
  }

  /** What was read last, until the next read. */
  view(byteCount: number): Uint8Array {
    // Messages are often of one length: then the same view serves again.
    if (this.#view.length !== byteCount) this.#view = this.#memory.bytes.subarray(0, byteCount);
    return this.#view;
  }
}

import type { SocketAddress } from '../../interface/index.ts';
import { addressBytesMax, constants, decodeAddress, errno, libc, Memory } from '../../syscalls/index.ts';

const { MSG_TRUNC, MSG_NOSIGNAL } = constants;

/** The largest datagram that is received. Those of UDP end at 65 507 bytes, those of Unix sockets where sysctl(8) says. */
export const datagramBytesMax = 256 * 1024;

/** As in WriteStage: so small an array is copied, which costs less than moving it out of the garbage collector's heap. */
const copiedBytesMax = 64;

/** The memory that all datagram channels of a driver receive into and send small datagrams from. */
export class DatagramSlab {
  readonly #libc = libc();
  readonly #memory = new Memory(datagramBytesMax);
  readonly #staged = new Memory(copiedBytesMax);
  readonly #address = new Uint8Array(new ArrayBuffer(addressBytesMax));
  readonly #addressLength = new Int32Array(new ArrayBuffer(4));

  /**
   * As recvfrom(2): how long the next datagram is, or -1. A longer one than `datagramBytesMax` is cut, where the kernel
   * tells its whole length; elsewhere it is one that fills all.
   */
  receive(fd: number): number {
    this.#addressLength[0] = addressBytesMax;
    return this.#libc.recvfromAt(
      fd,
      this.#memory.address,
      datagramBytesMax,
      MSG_TRUNC,
      this.#address,
      this.#addressLength,
    );
  }

  /** What was received last, until the next. */
  view(byteCount: number): Uint8Array {
    return new Uint8Array(this.#memory.bytes.buffer, 0, byteCount);
  }

  /** Who has sent it; null: one who has no address. */
  from(): SocketAddress | null {
    return decodeAddress(this.#address, this.#addressLength[0] as number);
  }

  /**
   * Sends as send(2) does, or as sendto(2) where there is an address.
   *
   * @returns 0, or the error's number
   */
  send(fd: number, data: Uint8Array, address: Uint8Array | null): number {
    const count =
      data.length <= copiedBytesMax ? this.#sendCopy(fd, data, address) : this.#send(fd, data, address);
    return count < 0 ? errno() : 0;
  }

  #send(fd: number, data: Uint8Array, address: Uint8Array | null): number {
    return address === null
      ? this.#libc.send(fd, data, data.length, MSG_NOSIGNAL)
      : this.#libc.sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length);
  }

  #sendCopy(fd: number, data: Uint8Array, address: Uint8Array | null): number {
    this.#staged.bytes.set(data);
    return address === null
      ? this.#libc.sendAt(fd, this.#staged.address, data.length, MSG_NOSIGNAL)
      : this.#libc.sendtoAt(fd, this.#staged.address, data.length, MSG_NOSIGNAL, address, address.length);
  }
}

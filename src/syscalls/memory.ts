import { markAsUntransferable } from 'node:worker_threads';
import type { Address } from './ffi/ffi.ts';
import { ffi } from './ffi/index.ts';

/**
 * Memory that the kernel may be given by its address: it stays where it is and lives as long as this object. Keep the
 * object wherever the address is kept; an address alone keeps nothing alive.
 *
 * Views of it may be handed to anybody. Nobody can take the memory away by transferring the buffer: Node refuses, or
 * copies instead, and the address of what was taken away all the same is not told any more.
 */
export class Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #address: Address;

  constructor(byteCount: number) {
    // A buffer of its own: small typed arrays without one lie in the garbage collector's heap, which moves things.
    const buffer = new ArrayBuffer(byteCount);
    markAsUntransferable(buffer);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.#address = ffi().addressOf(this.bytes);
  }

  /** Where it begins. @throws {Error} somebody has taken the memory away */
  get address(): Address {
    // By now it may be anything else's; writing there would break what nobody could trace back to here.
    if (this.bytes.length === 0) throw new Error('the buffer of a kernel address was transferred');
    return this.#address;
  }

  /**
   * Where `byteCount` bytes from `offset` on are.
   *
   * @throws {RangeError} they are not all inside
   */
  at(offset: number, byteCount: number): Address {
    if (!(offset >= 0 && byteCount >= 0 && offset + byteCount <= this.bytes.length)) {
      throw new RangeError(
        `Cannot use bytes ${offset} to ${offset + byteCount} of ${this.bytes.length}: not inside`,
      );
    }
    return this.address + offset;
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }
}

/**
 * Bytes in at the end, out at the front. One block of memory that grows by doubling, so that a peer who sends single
 * bytes costs no more than one who sends the same in one piece.
 */
export class ByteQueue {
  #block = new Uint8Array(1024);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#block.length) this.#makeRoom(bytes.length);
    this.#block.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Takes up to `count` bytes from the front, as a copy. */
  take(count: number): Uint8Array {
    const taken = this.#block.slice(this.#start, this.#start + Math.min(count, this.length));
    this.drop(taken.length);
    return taken;
  }

  drop(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
  }

  /** Where `byte` is, counted from the front and looked for from `from` on; -1 if it is not there. */
  indexOf(byte: number, from = 0): number {
    const at = this.#block.subarray(0, this.#end).indexOf(byte, this.#start + from);
    return at < 0 ? -1 : at - this.#start;
  }

  #makeRoom(count: number): void {
    const { length } = this;
    let capacity = this.#block.length;
    while (capacity < length + count) capacity *= 2;
    const block = capacity === this.#block.length ? this.#block : new Uint8Array(capacity);
    block.set(this.#block.subarray(this.#start, this.#end));
    this.#block = block;
    this.#start = 0;
    this.#end = length;
  }
}

/**
 * The bytes that have arrived and were not read yet, in the pieces in which they came.
 *
 * Everything is linear in the bytes that pass through, whatever their pieces and whatever is asked for:
 *
 * - A piece is kept as it is. Only small ones that come while others wait are gathered in blocks, because a megabyte
 *   that arrives byte by byte would else be a million objects.
 * - Bytes are copied once, when taken. A piece that is taken whole is not copied at all, unless it is a small part of
 *   the memory in which it lies.
 * - A search that goes on where the last one ended finds the place without walking: see {@link ByteQueue.search}.
 */
import type { Separators } from './separators.ts';

/** What gathers small pieces. */
const BLOCK_BYTES = 16 * 1024;
/** Pieces of at most so many bytes begin a block; longer ones only go into one that has room. */
const SMALL_BYTES = 2 * 1024;
/** Keeping a piece may keep so many times its own memory, which it shares with others; it is copied else. */
const KEPT_RATIO_MAX = 16;
/** Below this, a loop finds a byte sooner than a call of `indexOf`. */
const SHORT_SEARCH_BYTES = 48;

interface Piece {
  readonly bytes: Uint8Array;
  /** first byte that was not taken */
  start: number;
  /** behind the last byte that has arrived */
  end: number;
  /** a block: may be filled up to its capacity */
  readonly gathers: boolean;
  next: Piece | null;
}

/** Where a separator lies, counted in bytes from the head of the queue. */
export interface Match {
  readonly start: number;
  /** behind the separator's last byte */
  readonly end: number;
}

export class ByteQueue {
  #head: Piece | null = null;
  #tail: Piece | null = null;
  #byteCount = 0;
  /** The piece in which the last search ended, and how many bytes lie before it. Null once bytes were taken. */
  #searched: Piece | null = null;
  #bytesBeforeSearched = 0;

  get byteCount(): number {
    return this.#byteCount;
  }

  /** Appends `bytes`, at least one, which belong to the queue from now on. */
  push(bytes: Uint8Array): void {
    this.#byteCount += bytes.length;
    const tail = this.#tail;
    if (tail?.gathers && tail.bytes.length - tail.end >= bytes.length) {
      tail.bytes.set(bytes, tail.end);
      tail.end += bytes.length;
      return;
    }
    if (tail !== null && bytes.length <= SMALL_BYTES) {
      const block = new Uint8Array(BLOCK_BYTES);
      block.set(bytes);
      this.#append({ bytes: block, start: 0, end: bytes.length, gathers: true, next: null });
      return;
    }
    // Subclasses, Node's Buffer first of all, change what `slice` and comparing mean; readers get the plain thing.
    const plain =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#append({ bytes: plain, start: 0, end: plain.length, gathers: false, next: null });
  }

  /** Removes the first `byteCount` bytes, no more than there are, and returns them: the receiver's to keep and change. */
  take(byteCount: number): Uint8Array {
    const head = this.#head;
    if (head === null || byteCount === 0) return new Uint8Array(0);
    this.#searched = null;
    const available = head.end - head.start;
    if (byteCount > available) return this.#join(byteCount);
    this.#byteCount -= byteCount;
    if (byteCount < available) {
      const start = head.start;
      head.start += byteCount;
      return head.bytes.slice(start, head.start);
    }
    this.#dropHead(head);
    const { bytes, start, end } = head;
    const isWhole = end - start === bytes.length;
    return isWhole && bytes.length * KEPT_RATIO_MAX >= bytes.buffer.byteLength
      ? bytes
      : bytes.slice(start, end);
  }

  /** Removes the first `byteCount` bytes, no more than there are. */
  skip(byteCount: number): void {
    this.#searched = null;
    let left = byteCount;
    this.#byteCount -= left;
    while (left > 0) {
      const head = this.#head as Piece;
      const available = head.end - head.start;
      if (left < available) {
        head.start += left;
        return;
      }
      left -= available;
      this.#dropHead(head);
    }
  }

  /**
   * The separator that ends first, null if none does behind `from`.
   *
   * @param from none ends within so many first bytes: what an earlier search has found out
   */
  search(separators: Separators, from: number): Match | null {
    let piece = this.#head;
    let before = 0;
    if (this.#searched !== null && this.#bytesBeforeSearched <= from) {
      piece = this.#searched;
      before = this.#bytesBeforeSearched;
    }
    for (; piece !== null; piece = piece.next) {
      const { start, end } = piece;
      this.#searched = piece;
      this.#bytesBeforeSearched = before;
      let index = start + Math.max(0, from - before);
      while (index < end) {
        index = findEnding(piece, separators, index);
        if (index < 0) break;
        index += 1;
        for (const pattern of separators.patterns) {
          if (this.#endsWith(piece, before, index, pattern)) {
            const matchEnd = before + index - start;
            return { start: matchEnd - pattern.length, end: matchEnd };
          }
        }
      }
      before += end - start;
    }
    return null;
  }

  /** Do the bytes before `index` of `piece` end with `pattern`? */
  #endsWith(piece: Piece, before: number, index: number, pattern: Uint8Array): boolean {
    const { length } = pattern;
    const first = index - length;
    if (first >= piece.start) {
      for (let i = length - 1; i >= 0; i -= 1) if (piece.bytes[first + i] !== pattern[i]) return false;
      return true;
    }
    // The match would begin in an earlier piece: walk there from the head, as pieces know only their successor.
    let position = before + (index - piece.start) - length;
    if (position < 0) return false;
    let from = this.#head;
    while (from !== null && position >= from.end - from.start) {
      position -= from.end - from.start;
      from = from.next;
    }
    for (let i = 0; i < length; i += 1) {
      if (from === null || from.bytes[from.start + position] !== pattern[i]) return false;
      position += 1;
      if (position === from.end - from.start) {
        position = 0;
        from = from.next;
      }
    }
    return true;
  }

  #join(byteCount: number): Uint8Array {
    const joined = new Uint8Array(byteCount);
    let filled = 0;
    this.#byteCount -= byteCount;
    while (filled < byteCount) {
      const head = this.#head as Piece;
      const wanted = Math.min(byteCount - filled, head.end - head.start);
      joined.set(head.bytes.subarray(head.start, head.start + wanted), filled);
      filled += wanted;
      head.start += wanted;
      if (head.start === head.end) this.#dropHead(head);
    }
    return joined;
  }

  #append(piece: Piece): void {
    if (this.#tail === null) this.#head = piece;
    else this.#tail.next = piece;
    this.#tail = piece;
  }

  #dropHead(head: Piece): void {
    this.#head = head.next;
    if (this.#head === null) this.#tail = null;
  }
}

/** The first byte of `piece` at `from` or behind it with which a separator ends, -1 if there is none. */
function findEnding(piece: Piece, { lastByte, endings }: Separators, from: number): number {
  const { bytes, end } = piece;
  if (endings !== null) {
    for (let i = from; i < end; i += 1) if (endings[bytes[i] as number] === 1) return i;
    return -1;
  }
  if (end - from <= SHORT_SEARCH_BYTES) {
    for (let i = from; i < end; i += 1) if (bytes[i] === lastByte) return i;
    return -1;
  }
  // A block's rest is no data: without the view, `indexOf` would look through it as well.
  return end === bytes.length
    ? bytes.indexOf(lastByte, from)
    : bytes.subarray(0, end).indexOf(lastByte, from);
}

import { coroutine } from '../coroutines/index.ts';
import type { Coroutine } from '../interface/index.ts';

/**
 * What a reader gives piece by piece, for `for await`; a coroutine waits by `yield* pieces.next()`.
 *
 * Leaving the loop early takes nothing more and closes nothing: the reader goes on behind the last piece given.
 */
export class StreamIterator {
  readonly #read: () => Coroutine<Uint8Array>;

  /** @param read gives empty bytes at the end of the stream */
  constructor(read: () => Coroutine<Uint8Array>) {
    this.#read = read;
  }

  next(): Coroutine<IteratorResult<Uint8Array, undefined>> {
    return nextPiece(this.#read);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const nextPiece = coroutine(function* next(read: () => Coroutine<Uint8Array>) {
  const piece = yield* read();
  const result: IteratorResult<Uint8Array, undefined> =
    piece.length === 0 ? { done: true, value: undefined } : { done: false, value: piece };
  return result;
});

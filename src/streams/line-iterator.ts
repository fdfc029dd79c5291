import { coroutine } from '../coroutines/index.ts';
import type { Coroutine } from '../interface/index.ts';
import type { StreamReader } from './stream-reader.ts';

/**
 * The lines of a stream, for `for await`; a coroutine waits by `yield* lines.next()`.
 *
 * Leaving the loop early takes nothing more and closes nothing: the reader goes on behind the last line given.
 */
export class LineIterator {
  readonly #reader: StreamReader;

  constructor(reader: StreamReader) {
    this.#reader = reader;
  }

  next(): Coroutine<IteratorResult<Uint8Array, undefined>> {
    return nextLine(this.#reader);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const nextLine = coroutine(function* next(reader: StreamReader) {
  const line = yield* reader.readLine();
  const result: IteratorResult<Uint8Array, undefined> =
    line.length === 0 ? { done: true, value: undefined } : { done: false, value: line };
  return result;
});

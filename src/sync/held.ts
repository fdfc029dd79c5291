/**
 * Something that was acquired, for `using`: the end of the block releases it.
 *
 *     using held = yield* lock.hold();
 *
 * Releasing it a second time does nothing.
 */
export class Held implements Disposable {
  #resource: { release(): void } | null;

  /** @internal */
  constructor(resource: { release(): void }) {
    this.#resource = resource;
  }

  release(): void {
    const resource = this.#resource;
    this.#resource = null;
    resource?.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

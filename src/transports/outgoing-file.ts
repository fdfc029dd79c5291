import {
  type Completion,
  type FileRange,
  type FileSending,
  NotSupportedError,
  type StreamChannel,
} from '../interface/index.ts';

/** Bytes that are read at once, where a file has to be read. */
const blockBytes = 64 * 1024;

/** Reads up to so many bytes of a file; none at its end. */
export type ReadFile = (position: number, byteCount: number) => Uint8Array;

/** A file on its way through a transport: by the kernel, or else, where that is allowed, by reading and writing it. */
export class OutgoingFile implements FileSending {
  readonly #range: FileRange;
  readonly #read: ReadFile | null;
  readonly #completion: Completion<number>;
  readonly #onProgress: () => void;
  readonly #onEnd: () => void;
  #byKernel: FileSending | null = null;
  #reads = false;
  #readBytes = 0;
  #over = false;

  /**
   * @param read null: only by the kernel
   * @param onProgress `proceed` is to be called
   * @param onEnd called before the completion is
   */
  constructor(
    range: FileRange,
    read: ReadFile | null,
    completion: Completion<number>,
    onProgress: () => void,
    onEnd: () => void,
  ) {
    this.#range = range;
    this.#read = read;
    this.#completion = completion;
    this.#onProgress = onProgress;
    this.#onEnd = onEnd;
  }

  get sentBytes(): number {
    return this.#reads ? this.#readBytes : (this.#byKernel?.sentBytes ?? 0);
  }

  /** To be called whenever the channel has nothing in hand. What is to be written next; null: nothing for now, or any more. */
  proceed(channel: StreamChannel): Uint8Array | null {
    if (this.#over) return null;
    if (this.#reads) return this.#nextBlock();
    this.#byKernel ??= this.#begin(channel);
    return null;
  }

  cancel(): void {
    this.#end()?.cancel();
  }

  fail(error: Error): void {
    if (this.#over) return;
    this.#end()?.cancel();
    this.#completion.failed(error);
  }

  #begin(channel: StreamChannel): FileSending | null {
    const failed = (error: Error) => {
      if (this.#over) return;
      if (!(error instanceof NotSupportedError) || this.#read === null) {
        this.fail(error);
        return;
      }
      this.#reads = true;
      this.#onProgress();
    };
    if (channel.sendFile !== undefined) {
      return channel.sendFile(this.#range, { succeeded: () => this.#succeed(), failed });
    }
    failed(new NotSupportedError('sendfile', 'transport', 'Cannot send the file: the channel cannot'));
    return null;
  }

  #nextBlock(): Uint8Array | null {
    const { offset, count } = this.#range;
    const wanted = Math.min(blockBytes, (count ?? Infinity) - this.#readBytes);
    let block: Uint8Array | null = null;
    try {
      if (wanted > 0) block = this.#read?.(offset + this.#readBytes, wanted) ?? null;
    } catch (error) {
      this.fail(error as Error);
      return null;
    }
    if (block === null || block.length === 0) {
      this.#succeed();
      return null;
    }
    this.#readBytes += block.length;
    return block;
  }

  #succeed(): void {
    if (this.#over) return;
    this.#end();
    this.#completion.succeeded(this.sentBytes);
  }

  /** What is still under way in the channel, if anything is. */
  #end(): FileSending | null {
    if (this.#over) return null;
    this.#over = true;
    this.#onEnd();
    return this.#byKernel;
  }
}

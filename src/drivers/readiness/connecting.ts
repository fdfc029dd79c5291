import type { Completion, Listener, Operation } from '../../interface/index.ts';
import { WRITABLE } from '../../selectors/index.ts';
import { closeDescriptor, pendingError } from '../../syscalls/index.ts';
import type { ChannelParts } from './ready-stream-channel.ts';
import { Watched } from './watched.ts';

/**
 * A connection that is being made, or was made at once: its socket becomes writable when that has ended, in one way or the
 * other.
 */
export class Connecting extends Watched implements Operation {
  readonly #parts: ChannelParts;
  readonly #onEnd: (number: number) => void;
  #over = false;

  /**
   * @param onEnd gets 0, or the error's number; the socket is its then
   * @throws {SystemError} the kernel does not watch it
   */
  constructor(fd: number, parts: ChannelParts, onEnd: (number: number) => void) {
    super(fd);
    this.#parts = parts;
    this.#onEnd = onEnd;
    parts.reactor.want(this, WRITABLE);
    parts.reactor.ref();
    parts.open.add(this);
  }

  cancel(): void {
    if (this.#over) return;
    this.#leave();
    closeDescriptor(this.fd);
  }

  abort(): void {
    this.cancel();
  }

  protected readable(): void {
    // Never wanted.
  }

  protected writable(): void {
    this.#leave();
    this.#onEnd(pendingError(this.fd));
  }

  override toString(): string {
    return `<I/O: connecting descriptor ${this.fd}>`;
  }

  #leave(): void {
    this.#over = true;
    this.#parts.reactor.drop(this);
    this.#parts.reactor.unref();
    this.#parts.open.delete(this);
  }
}

/** What a kernel call said at once, told as an I/O callback unless cancelled before. */
export class Told implements Operation {
  #tell: (() => void) | null;
  readonly #unheard: () => void;

  /** @param unheard releases what the news was of, if it is cancelled first */
  constructor(parts: ChannelParts, tell: () => void, unheard: () => void = () => {}) {
    this.#tell = tell;
    this.#unheard = unheard;
    parts.reactor.host.enqueue({
      run: () => {
        const told = this.#tell;
        this.#tell = null;
        told?.();
      },
    });
  }

  cancel(): void {
    if (this.#tell === null) return;
    this.#tell = null;
    this.#unheard();
  }
}

/** Listens, and tells of it. A listener that nobody has heard of is closed. */
export function tellOfListener(
  parts: ChannelParts,
  listen: () => Listener,
  completion: Completion<Listener>,
): Told {
  try {
    const listener = listen();
    return new Told(
      parts,
      () => completion.succeeded(listener),
      () => listener.close(),
    );
  } catch (error) {
    return new Told(parts, () => completion.failed(error as Error));
  }
}

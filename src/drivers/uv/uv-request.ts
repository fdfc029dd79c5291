import { type Address, libc, Memory } from '../../syscalls/index.ts';
import { type Libuv, UV_GETADDRINFO } from './libuv.ts';

/** What no status of libuv is. */
const underWay = 0x7fff_ffff;

/** What was read from C memory last. */
const word = new Memory(8);

/** Takes out what the request holds, which is gone afterwards; returns what is to be told. Must not throw. */
export type OnFinished = (uv: Libuv, request: UvRequest) => () => void;

/**
 * A look-up in libuv's thread pool, in C memory: its threads write there whatever becomes of ours.
 *
 * libuv wants a C function to call when it is done, as `(request, status, …)`. It gets its own
 * `uv_req_set_data(request, data)`, which thus leaves the status in the request's `data`. A function of ours would do
 * too, but a worker thread that is terminated while C is about to call JavaScript takes the whole process with it.
 */
export class UvRequest {
  /** Who waits for it; null once given up. */
  onFinished: OnFinished | null = null;
  readonly address: Address;
  readonly #uv: Libuv;
  readonly #kind: number;
  #freed = false;

  /** @param kind UV_GETADDRINFO or UV_GETNAMEINFO */
  constructor(uv: Libuv, kind: number) {
    const byteCount = uv.uv_req_size(kind);
    this.#uv = uv;
    this.#kind = kind;
    this.address = uv.allocate(byteCount);
    uv.uv_req_set_data(this.address, underWay);
  }

  get finished(): boolean {
    return this.status !== underWay;
  }

  /** 0, or libuv's error, negative. */
  get status(): number {
    libc().memcpy(word.bytes, this.address + this.#uv.layout.data, 8);
    return word.view.getInt32(0, true);
  }

  /** Where the first `struct addrinfo` of the answer is; 0 if there is none. */
  get addressInfo(): Address {
    libc().memcpy(word.bytes, this.address + this.#uv.layout.addrinfo, 8);
    return Number(word.view.getBigUint64(0, true));
  }

  /** Nobody will be told; it finishes at once if no thread works on it yet. Idempotent. */
  cancel(): void {
    if (this.#freed) return;
    this.onFinished = null;
    this.#uv.uv_cancel(this.address);
  }

  /** It has finished. @returns what is to be called, if somebody waits */
  end(): (() => void) | null {
    try {
      return this.onFinished?.(this.#uv, this) ?? null;
    } finally {
      this.free();
    }
  }

  /** libuv must be done with it, or never have had it. Nothing of it may be used afterwards. */
  free(): void {
    this.#freed = true;
    if (this.#kind === UV_GETADDRINFO) this.#uv.uv_freeaddrinfo(this.addressInfo);
    this.#uv.free(this.address);
  }
}

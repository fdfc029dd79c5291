import type { Address, DescriptorFlag, DescriptorWatch, Ffi, Functions, NativeFunction } from './ffi.ts';

const UV_POLL = 8;
const UV_READABLE = 1;

/** What an address never is. */
const nothing = -1;

const functionTable = {
  uv_handle_size: ['u32', 'i32'],
  uv_handle_set_data: ['void', 'address', 'address'],
  uv_poll_init: ['i32', 'address', 'address', 'i32'],
  uv_poll_start: ['i32', 'address', 'i32', 'address'],
  uv_ref: ['void', 'address'],
  uv_unref: ['void', 'address'],
  uv_close: ['void', 'address', 'address'],
  calloc: ['address', 'u32', 'u32'],
  free: ['void', 'address'],
} as const;

type UvFunctions = { [Name in keyof typeof functionTable]: NativeFunction<(typeof functionTable)[Name]> };

type Parts = Pick<Ffi, 'open' | 'addressOfSymbol' | 'viewAt' | 'currentUvLoop'>;

/**
 * Handles of libuv's that watch a descriptor in Node's own loop. For the main thread only: Node ends the whole process if
 * the loop of a worker thread that is terminated has a handle it does not know.
 */
export class UvPolls {
  readonly #functions: UvFunctions;
  readonly #parts: Parts;
  readonly #addressOfFree: Address;
  readonly #addressOfSetData: Address;

  /** null: this process has no such functions */
  static load(parts: Parts): UvPolls | null {
    const functions: Functions<typeof functionTable> = parts.open(functionTable);
    const free = parts.addressOfSymbol('free');
    const setData = parts.addressOfSymbol('uv_handle_set_data');
    if (free === null || setData === null || Object.values(functions).some((value) => value === null))
      return null;
    return new UvPolls(functions as UvFunctions, parts, free, setData);
  }

  private constructor(
    functions: UvFunctions,
    parts: Parts,
    addressOfFree: Address,
    addressOfSetData: Address,
  ) {
    this.#functions = functions;
    this.#parts = parts;
    this.#addressOfFree = addressOfFree;
    this.#addressOfSetData = addressOfSetData;
  }

  /** @param callback a `uv_poll_cb` @param closed called once, when it is not called any more */
  watch(descriptor: number, callback: Address, closed: () => void): DescriptorWatch {
    return this.#watch(this.#open(descriptor), callback, closed);
  }

  /**
   * What libuv calls is a function of its own: that stores its second argument, here the status, in the handle. No
   * JavaScript is called, which would cost several times what all the rest does.
   */
  flag(descriptor: number): DescriptorFlag {
    const handle = this.#open(descriptor);
    // `data` is the first thing in a handle. All of it is looked at, as the order of its halves is the machine's.
    let data: Int32Array | null = new Int32Array(this.#parts.viewAt(handle, 8));
    data.fill(nothing);
    const watch = this.#watch(handle, this.#addressOfSetData, () => {
      data = null;
    });
    return {
      ...watch,
      take: () => {
        if (data === null || (data[0] === nothing && data[1] === nothing)) return false;
        data.fill(nothing);
        return true;
      },
    };
  }

  /** Memory with a handle, which is initialized. */
  #open(descriptor: number): Address {
    const { calloc, free, uv_handle_size, uv_poll_init } = this.#functions;
    const handle = calloc(1, uv_handle_size(UV_POLL));
    if (handle === 0) throw new Error('Cannot watch a descriptor: out of memory');
    const status = uv_poll_init(this.#parts.currentUvLoop() as Address, handle, descriptor);
    if (status === 0) return handle;
    free(handle);
    throw new Error(`Cannot watch descriptor ${descriptor}: libuv's error ${status}`);
  }

  #watch(handle: Address, callback: Address, onClosed: () => void): DescriptorWatch {
    const { uv_poll_start, uv_ref, uv_unref, uv_close } = this.#functions;
    uv_poll_start(handle, UV_READABLE, callback);
    let closed = false;
    return {
      ref: () => {
        if (!closed) uv_ref(handle);
      },
      unref: () => {
        if (!closed) uv_unref(handle);
      },
      close: () => {
        if (closed) return;
        closed = true;
        // libuv calls free(handle) when it is done with it.
        uv_close(handle, this.#addressOfFree);
        onClosed();
      },
    };
  }
}

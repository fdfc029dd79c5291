import { nodeHost } from '../../loop/index.ts';
import { type Address, type Ffi, ffi, Memory, type NativeCallback } from '../../syscalls/index.ts';
import { type Libglib, openLibglib } from './libglib.ts';

/** In `GSourceFuncs`, six pointers, of which all others may be null. */
const functionsBytes = 48;
const dispatchOffset = 16;
/** More than `sizeof(GSource)`, which is 96. */
const sourceBytes = 128;

const G_IO_IN = 1;
const G_SOURCE_CONTINUE = 1;

/** `GSourceFuncs` with our `dispatch`, and the callback behind it: one for all sources, for as long as the process lives. */
interface Functions {
  readonly memory: Memory;
  readonly callback: NativeCallback;
}

const sources = new Map<Address, GlibSource>();

/**
 * Made when this module is loaded, which is not inside a callback from C: koffi (3.3.4) switches back to V8's own stack only for
 * calls from that part of its stack that was free when the callback was made; from elsewhere V8 ends the process.
 */
const functions = prepared();

/**
 * A source of GLib's default context, which is dispatched when it was asked for, when its time has come, and while its
 * descriptor is readable. GLib computes all three by itself: no function of ours is called but `dispatch`.
 *
 * What is called back runs inside a call from C, where no exception may leave, and nobody runs the microtasks: both is done
 * here.
 *
 * @see g_source_new(), g_source_set_ready_time(), g_source_add_unix_fd()
 */
export class GlibSource {
  readonly #glib: Libglib;
  readonly #onDispatch: () => void;
  #address: Address;
  #descriptorTag: Address = 0;

  /** @throws {NotSupportedError} there is no GLib here */
  constructor(priority: number, onDispatch: () => void) {
    const glib = openLibglib();
    if (functions === null)
      throw new Error('there is a foreign-function interface, which was not there before');
    this.#glib = glib;
    this.#onDispatch = onDispatch;
    this.#address = glib.g_source_new(functions.memory.address, sourceBytes);
    glib.g_source_set_priority(this.#address, priority);
    glib.g_source_attach(this.#address, 0);
    sources.set(this.#address, this);
  }

  /** @param delay milliseconds; 0: in the next iteration; null: not, unless the descriptor is readable */
  wakeIn(delay: number | null): void {
    if (this.#address === 0) return;
    let readyTime = -1;
    if (delay === 0) readyTime = 0;
    else if (delay !== null) readyTime = this.#glib.g_get_monotonic_time() + Math.ceil(delay * 1000);
    this.#glib.g_source_set_ready_time(this.#address, readyTime);
  }

  /** @param descriptor in place of the one before; null: none */
  watch(descriptor: number | null): void {
    const glib = this.#glib;
    if (this.#descriptorTag !== 0) glib.g_source_remove_unix_fd(this.#address, this.#descriptorTag);
    this.#descriptorTag = 0;
    if (descriptor !== null)
      this.#descriptorTag = glib.g_source_add_unix_fd(this.#address, descriptor, G_IO_IN);
  }

  /** Also from inside its dispatch, of which GLib keeps it until that has ended. Idempotent. */
  destroy(): void {
    const address = this.#address;
    if (address === 0) return;
    this.#address = 0;
    sources.delete(address);
    this.#glib.g_source_destroy(address);
    this.#glib.g_source_unref(address);
  }

  dispatch(): void {
    // Until somebody asks again.
    this.wakeIn(null);
    try {
      this.#onDispatch();
    } catch (error) {
      // Then it is for `uncaughtException`, as from any callback of Node's.
      queueMicrotask(() => {
        throw error;
      });
    }
    nodeHost.drainMicrotasks?.();
  }
}

/** null: there is no foreign-function interface, as whoever needs it is told by `openLibglib`. */
function prepared(): Functions | null {
  let backend: Ffi;
  try {
    backend = ffi();
  } catch {
    return null;
  }
  const callback = backend.callback(['i32', 'address', 'address', 'address'], (address) => {
    sources.get(address as number)?.dispatch();
    return G_SOURCE_CONTINUE;
  });
  const memory = new Memory(functionsBytes);
  memory.view.setBigUint64(dispatchOffset, BigInt(callback.address), true);
  return { memory, callback };
}

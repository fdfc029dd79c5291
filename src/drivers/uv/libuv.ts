import { NotSupportedError } from '../../interface/index.ts';
import { type Address, type Ffi, type Functions, ffi } from '../../syscalls/index.ts';

const table = {
  uv_loop_size: ['u32'],
  uv_loop_init: ['i32', 'address'],
  uv_loop_close: ['i32', 'address'],
  uv_run: ['i32', 'address', 'i32'],
  uv_backend_fd: ['i32', 'address'],
  uv_handle_size: ['u32', 'i32'],
  uv_close: ['void', 'address', 'address'],
  uv_async_init: ['i32', 'address', 'address', 'address'],
  uv_signal_init: ['i32', 'address', 'address'],
  uv_signal_start: ['i32', 'address', 'address', 'i32'],
  uv_signal_stop: ['i32', 'address'],
  uv_req_size: ['u32', 'i32'],
  uv_req_set_data: ['void', 'address', 'address'],
  uv_cancel: ['i32', 'address'],
  uv_getaddrinfo: ['i32', 'address', 'address', 'address', 'memory', 'memory', 'memory'],
  uv_freeaddrinfo: ['void', 'address'],
  uv_getnameinfo: ['i32', 'address', 'address', 'address', 'memory', 'i32'],
  calloc: ['address', 'u32', 'u32'],
  free: ['void', 'address'],
  strlen: ['u32', 'address'],
} as const;

type LibuvFunctions = {
  readonly [Name in keyof typeof table]: NonNullable<Functions<typeof table>[Name]>;
};

/** The libuv inside this executable, as far as we call it. */
export interface Libuv extends LibuvFunctions {
  readonly ffi: Ffi;
  readonly layout: RequestLayout;
  /** `uv_req_set_data`, to be called by libuv itself: how is said where it is used. */
  readonly setData: Address;
  /** Zeroed C memory. @throws {Error} there is none */
  allocate(byteCount: number): Address;
}

export const UV_RUN_NOWAIT = 2;
export const UV_ASYNC = 1;
export const UV_SIGNAL = 16;
export const UV_GETADDRINFO = 8;
export const UV_GETNAMEINFO = 9;

/** Bytes from the beginning of a request to its public fields; the same on all 64-bit Unix. */
export interface RequestLayout {
  /** `void *data`: ours; libuv never touches it */
  readonly data: number;
  /** `struct addrinfo *addrinfo` of uv_getaddrinfo_t */
  readonly addrinfo: number;
  /** `char host[NI_MAXHOST]` of uv_getnameinfo_t, and how long that is */
  readonly host: number;
  readonly hostBytes: number;
  /** `char service[NI_MAXSERV]` */
  readonly service: number;
  readonly serviceBytes: number;
}

const getaddrinfoBytes = 160;
/** NI_MAXHOST of glibc, Apple and the BSDs, and that of musl, by the size of the request that it makes. */
const hostBytesBySize = new Map([
  [1320, 1025],
  [544, 255],
]);
const hostOffset = 252;

let libuv: Libuv | null = null;

/**
 * libuv's functions, which every official build of Node exports.
 *
 * @throws {NotSupportedError} this process has no libuv, or hides it, or has one whose structures we do not know; or
 * there is no foreign-function interface
 */
export function openLibuv(): Libuv {
  libuv ??= open();
  return libuv;
}

function open(): Libuv {
  // Bun exports the names for native modules' sake, and ends the process when one is called.
  if (globalThis.process?.versions?.['bun'] !== undefined) throw unavailable('Bun has none');
  const backend = ffi();
  const functions = backend.open(table);
  const missing = Object.entries(functions).filter(([, value]) => value === null);
  if (missing.length > 0) throw unavailable(`it lacks ${missing.map(([name]) => name).join(', ')}`);
  const present = functions as LibuvFunctions;
  const hostBytes = hostBytesBySize.get(present.uv_req_size(UV_GETNAMEINFO));
  const setData = backend.addressOfSymbol('uv_req_set_data');
  if (
    hostBytes === undefined ||
    setData === null ||
    present.uv_req_size(UV_GETADDRINFO) !== getaddrinfoBytes
  ) {
    throw unavailable('its structures are not those we know');
  }
  const service = hostOffset + hostBytes;
  const layout = { data: 0, addrinfo: 144, host: hostOffset, hostBytes, service, serviceBytes: 32 };
  const allocate = (byteCount: number) => {
    const address = present.calloc(1, byteCount);
    if (address === 0) throw new Error(`Cannot allocate ${byteCount} bytes: out of memory`);
    return address;
  };
  return { ...present, ffi: backend, layout, setData, allocate };
}

function unavailable(why: string): NotSupportedError {
  return new NotSupportedError('libuv', 'libuv', `Cannot use the libuv of this process: ${why}`);
}

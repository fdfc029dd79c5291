import { constants as os } from 'node:os';
import { NotSupportedError, SystemError } from '../../interface/index.ts';
import {
  type Address,
  copyNative,
  errno,
  type Ffi,
  type Functions,
  ffi,
  isDarwin,
  Memory,
} from '../../syscalls/index.ts';

// `address` also stands for `size_t`: both have 64 bits.
const table = {
  zmq_version: ['void', 'memory', 'memory', 'memory'],
  zmq_strerror: ['address', 'i32'],
  zmq_curve_keypair: ['i32', 'memory', 'memory'],
  zmq_ctx_new: ['address'],
  zmq_ctx_set: ['i32', 'address', 'i32', 'i32'],
  zmq_socket: ['address', 'address', 'i32'],
  zmq_close: ['i32', 'address'],
  zmq_bind: ['i32', 'address', 'memory'],
  zmq_unbind: ['i32', 'address', 'memory'],
  zmq_connect: ['i32', 'address', 'memory'],
  zmq_disconnect: ['i32', 'address', 'memory'],
  zmq_setsockopt: ['i32', 'address', 'i32', 'memory', 'address'],
  zmq_getsockopt: ['i32', 'address', 'i32', 'memory', 'memory'],
  zmq_send: ['i32', 'address', 'memory', 'address', 'i32'],
  zmq_msg_init: ['i32', 'address'],
  zmq_msg_recv: ['i32', 'address', 'address', 'i32'],
  zmq_msg_data: ['address', 'address'],
  zmq_msg_size: ['address', 'address'],
  zmq_msg_more: ['i32', 'address'],
  zmq_msg_close: ['i32', 'address'],
} as const;

const libcTable = {
  strlen: ['u32', 'address'],
  dlopen: ['address', 'memory', 'i32'],
  dlsym: ['address', 'address', 'memory'],
  pthread_create: ['i32', 'memory', 'address', 'address', 'address'],
  pthread_detach: ['i32', 'address'],
  pthread_sigmask: ['i32', 'i32', 'memory', 'memory'],
} as const;

/** Of glibc and musl. */
const joinTable = { pthread_tryjoin_np: ['i32', 'address', 'memory'] } as const;

type Zmq = { readonly [Name in keyof typeof table]: NonNullable<Functions<typeof table>[Name]> };

type Libc = { readonly [Name in keyof typeof libcTable]: NonNullable<Functions<typeof libcTable>[Name]> };

/** libzmq, as far as we call it. */
export interface Libzmq extends Zmq, Libc {
  readonly ffi: Ffi;
  readonly version: string;
  readonly pthread_tryjoin_np: Functions<typeof joinTable>['pthread_tryjoin_np'];
  /** the same two, to be called by C itself */
  readonly addressOfClose: Address;
  readonly addressOfTerm: Address;
  /** a `zmq_msg_t`, initialised only while one message is received */
  readonly message: Memory;
}

/** Where Debian, Homebrew and others have put it under this name. */
const defaultLibrary = isDarwin ? 'libzmq.5.dylib' : 'libzmq.so.5';

const messageBytes = 64;
const RTLD_NOW = 2;

const opened = new Map<string, Libzmq>();

/**
 * @param library a file, or a name that the system's linker finds
 * @throws {NotSupportedError} it is not there, or too old; or there is no foreign-function interface
 */
export function openLibzmq(library = defaultLibrary): Libzmq {
  const known = opened.get(library);
  if (known !== undefined) return known;
  const libzmq = open(library);
  opened.set(library, libzmq);
  return libzmq;
}

function open(library: string): Libzmq {
  const backend = ffi();
  const functions = { ...load(backend, library), ...backend.open(libcTable) };
  const missing = Object.entries(functions).filter(([, value]) => value === null);
  if (missing.length > 0) throw unavailable(library, `it lacks ${missing.map(([name]) => name).join(', ')}`);
  const present = functions as Zmq & Libc;
  const version = versionOf(present);
  if (!/^4\.[2-9]/.test(version)) {
    throw unavailable(library, `it is version ${version}, and 4.2 or later is needed`);
  }
  const handle = present.dlopen(terminated(library), RTLD_NOW);
  const addressOf = (name: string) => {
    const address = present.dlsym(handle, terminated(name));
    if (address === 0) throw unavailable(library, `it lacks ${name}`);
    return address;
  };
  return {
    ...present,
    ...backend.open(joinTable),
    ffi: backend,
    version,
    addressOfClose: addressOf('zmq_close'),
    addressOfTerm: addressOf('zmq_ctx_term'),
    message: new Memory(messageBytes),
  };
}

function versionOf({ zmq_version }: Zmq): string {
  const numbers = [cell(), cell(), cell()] as const;
  zmq_version(...numbers);
  return numbers.map(([number]) => number).join('.');
}

/** Memory for one `int` that C writes. */
export function cell(): Int32Array<ArrayBuffer> {
  return new Int32Array(new ArrayBuffer(4));
}

function load(backend: Ffi, library: string): Functions<typeof table> {
  try {
    return backend.open(table, library);
  } catch (cause) {
    throw unavailable(library, String((cause as Error)?.message ?? cause), cause);
  }
}

function unavailable(library: string, why: string, cause?: unknown): NotSupportedError {
  const hint = 'Debian has it as libzmq5';
  return new NotSupportedError('zeromq', library, `Cannot use ZeroMQ by ${library}: ${why}; ${hint}`, {
    cause,
  });
}

/** The numbers that only ZeroMQ has. */
const ownCodes: ReadonlyMap<number, string> = new Map([
  [156384763, 'EFSM'],
  [156384764, 'ENOCOMPATPROTO'],
  [156384765, 'ETERM'],
  [156384766, 'EMTHREAD'],
]);

/**
 * What libzmq has said of the call that has just failed, and nothing was called since.
 *
 * @param doing what could not be done: *bind to tcp://127.0.0.1:80*
 * @see zmq_errno(3)
 */
export function zmqFailure(libzmq: Libzmq, doing: string, syscall: string, number = errno()): SystemError {
  const code = ownCodes.get(number) ?? codeOf(number);
  const text = libzmq.zmq_strerror(number);
  const why =
    text === 0 ? `error ${number}` : new TextDecoder().decode(copyNative(text, libzmq.strlen(text)));
  return new SystemError(`Cannot ${doing}: ${lowerFirst(why)} (${code})`, { code, errno: -number, syscall });
}

function codeOf(number: number): string {
  return Object.entries(os.errno).find(([, value]) => value === number)?.[0] ?? 'EUNKNOWN';
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** A string as C has it. @throws {TypeError} it is none, or C would see only a part of it */
export function terminated(text: string): Uint8Array {
  if (typeof text !== 'string' || text.includes('\0')) {
    throw new TypeError(`Cannot use ${JSON.stringify(text)}: it is no string that C can be given`);
  }
  return new TextEncoder().encode(`${text}\0`);
}

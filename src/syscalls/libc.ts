import type { Functions } from './ffi/ffi.ts';
import { ffi } from './ffi/index.ts';

/**
 * The functions of the C library that we call. One with two ways to pass a buffer is here twice: by view, which the call
 * keeps alive, and by address (`…At`), which is faster for memory that is kept anyway.
 */
const table = {
  socket: ['i32', 'i32', 'i32', 'i32'],
  socketpair: ['i32', 'i32', 'i32', 'i32', 'memory'],
  bind: ['i32', 'i32', 'memory', 'u32'],
  listen: ['i32', 'i32', 'i32'],
  connect: ['i32', 'i32', 'memory', 'u32'],
  accept: ['i32', 'i32', 'memory', 'memory'],
  accept4: ['i32', 'i32', 'memory', 'memory', 'i32'],
  getsockname: ['i32', 'i32', 'memory', 'memory'],
  getpeername: ['i32', 'i32', 'memory', 'memory'],
  getsockopt: ['i32', 'i32', 'i32', 'i32', 'memory', 'memory'],
  setsockopt: ['i32', 'i32', 'i32', 'i32', 'memory', 'u32'],
  shutdown: ['i32', 'i32', 'i32'],
  recv: ['i32', 'i32', 'memory', 'u32', 'i32'],
  recvAt: ['i32', 'i32', 'address', 'u32', 'i32'],
  recvfrom: ['i32', 'i32', 'memory', 'u32', 'i32', 'memory', 'memory'],
  recvfromAt: ['i32', 'i32', 'address', 'u32', 'i32', 'memory', 'memory'],
  recvmsg: ['i32', 'i32', 'memory', 'i32'],
  send: ['i32', 'i32', 'memory', 'u32', 'i32'],
  sendAt: ['i32', 'i32', 'address', 'u32', 'i32'],
  sendto: ['i32', 'i32', 'memory', 'u32', 'i32', 'memory', 'u32'],
  sendtoAt: ['i32', 'i32', 'address', 'u32', 'i32', 'memory', 'u32'],
  sendmsg: ['i32', 'i32', 'memory', 'i32'],
  read: ['i32', 'i32', 'memory', 'u32'],
  readAt: ['i32', 'i32', 'address', 'u32'],
  write: ['i32', 'i32', 'memory', 'u32'],
  writeAt: ['i32', 'i32', 'address', 'u32'],
  open: ['i32', 'memory', 'i32', '...', 'i32'],
  close: ['i32', 'i32'],
  dup: ['i32', 'i32'],
  pipe: ['i32', 'memory'],
  fcntl: ['i32', 'i32', 'i32', '...', 'i32'],
  lseek: ['i64', 'i32', 'i64', 'i32'],
  if_nametoindex: ['u32', 'memory'],
  if_indextoname: ['address', 'u32', 'memory'],
  getpid: ['i32'],
  memcpy: ['address', 'memory', 'address', 'u32'],
  kill: ['i32', 'i32', 'i32'],
  poll: ['i32', 'address', 'u32', 'i32'],
  pselect: ['i32', 'i32', 'address', 'address', 'address', 'address', 'address'],
  // Linux
  epoll_create1: ['i32', 'i32'],
  epoll_ctl: ['i32', 'i32', 'i32', 'i32', 'memory'],
  epoll_wait: ['i32', 'i32', 'address', 'i32', 'i32'],
  epoll_pwait2: ['i32', 'i32', 'address', 'i32', 'address', 'address'],
  ppoll: ['i32', 'address', 'u32', 'address', 'address'],
  eventfd: ['i32', 'u32', 'i32'],
  timerfd_create: ['i32', 'i32', 'i32'],
  timerfd_settime: ['i32', 'i32', 'i32', 'memory', 'address'],
  pidfd_open: ['i32', 'i32', 'u32'],
  sendfile: ['i64', 'i32', 'i32', 'memory', 'u32'],
  // BSD
  kqueue: ['i32'],
  kevent: ['i32', 'i32', 'address', 'i32', 'address', 'i32', 'address'],
} as const;

type Libc = { readonly [Name in keyof typeof table]: NonNullable<Functions<typeof table>[Name]> };

interface Symbols {
  readonly libc: Libc;
  readonly errno: Int32Array<ArrayBuffer>;
}

let symbols: Symbols | null = null;

/**
 * The C library. A function that this platform lacks throws when it is called.
 *
 * @throws {NotSupportedError} there is no foreign-function interface
 */
export function libc(): Libc {
  symbols ??= resolve();
  return symbols.libc;
}

/**
 * The error number of the last call of this thread that failed. Read it before anything else is done: the next
 * allocation may call the kernel too.
 */
export function errno(): number {
  symbols ??= resolve();
  return symbols.errno[0] as number;
}

function resolve(): Symbols {
  const backend = ffi();
  const aliased = Object.entries(table).map(([name, signature]) => [name, signature] as const);
  const plain: Record<string, (typeof table)[keyof typeof table]> = {};
  const libc: Record<string, unknown> = {};
  for (const [name, signature] of aliased) {
    if (name.endsWith('At')) continue;
    plain[name] = signature;
  }
  Object.assign(libc, backend.open(plain));
  for (const [name, signature] of aliased) {
    if (name.endsWith('At')) libc[name] = Object.values(backend.open({ [name.slice(0, -2)]: signature }))[0];
  }
  for (const name of Object.keys(libc)) {
    libc[name] ??= () => {
      throw new Error(`the C library of this platform has no ${name}`);
    };
  }
  const place = backend.open({ __errno_location: ['address'], __error: ['address'] });
  const locate = place.__errno_location ?? place.__error;
  if (locate === null) throw new Error('the C library does not say where errno is');
  // One place for each thread; this module is loaded once in each.
  return { libc: libc as unknown as Libc, errno: new Int32Array(backend.viewAt(locate(), 4)) };
}

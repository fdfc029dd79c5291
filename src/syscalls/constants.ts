/** Numbers of the kernel's own headers. What both kernels share has one value; the rest is by platform. */
interface Constants {
  readonly AF_UNIX: number;
  readonly AF_INET: number;
  readonly AF_INET6: number;
  readonly SOCK_STREAM: number;
  readonly SOCK_DGRAM: number;
  /** flags of socket(2) and accept4(2); 0 where fcntl(2) must do it */
  readonly SOCK_NONBLOCK: number;
  readonly SOCK_CLOEXEC: number;
  readonly SOL_SOCKET: number;
  readonly SO_REUSEADDR: number;
  readonly SO_REUSEPORT: number;
  readonly SO_KEEPALIVE: number;
  readonly SO_BROADCAST: number;
  readonly SO_ERROR: number;
  readonly SO_TYPE: number;
  readonly SO_LINGER: number;
  readonly SO_ACCEPTCONN: number;
  /** Linux; 0 elsewhere */
  readonly SO_ATTACH_FILTER: number;
  /** macOS: no SIGPIPE from this socket; 0 where MSG_NOSIGNAL does that */
  readonly SO_NOSIGPIPE: number;
  readonly IPPROTO_TCP: number;
  readonly TCP_NODELAY: number;
  readonly IPPROTO_IPV6: number;
  readonly IPV6_V6ONLY: number;
  readonly MSG_NOSIGNAL: number;
  readonly MSG_TRUNC: number;
  readonly MSG_DONTWAIT: number;
  readonly MSG_PEEK: number;
  readonly SHUT_RD: number;
  readonly SHUT_WR: number;
  readonly SHUT_RDWR: number;
  readonly F_GETFL: number;
  readonly F_SETFL: number;
  readonly F_GETFD: number;
  readonly F_SETFD: number;
  readonly FD_CLOEXEC: number;
  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_NOCTTY: number;
  readonly O_NONBLOCK: number;
  readonly O_CLOEXEC: number;
  /** bytes of sockaddr_un.sun_path */
  readonly UNIX_PATH_BYTES: number;
}

const linux: Constants = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_REUSEPORT: 15,
  SO_KEEPALIVE: 9,
  SO_BROADCAST: 6,
  SO_ERROR: 4,
  SO_TYPE: 3,
  SO_LINGER: 13,
  SO_ACCEPTCONN: 30,
  SO_ATTACH_FILTER: 26,
  SO_NOSIGPIPE: 0,
  IPPROTO_TCP: 6,
  TCP_NODELAY: 1,
  IPPROTO_IPV6: 41,
  IPV6_V6ONLY: 26,
  MSG_NOSIGNAL: 0x4000,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  MSG_PEEK: 2,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  F_GETFD: 1,
  F_SETFD: 2,
  FD_CLOEXEC: 1,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  UNIX_PATH_BYTES: 108,
};

/** From Apple's headers; not yet run there. */
const darwin: Constants = {
  ...linux,
  AF_INET6: 30,
  SOCK_NONBLOCK: 0,
  SOCK_CLOEXEC: 0,
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 0x0004,
  SO_REUSEPORT: 0x0200,
  SO_KEEPALIVE: 0x0008,
  SO_BROADCAST: 0x0020,
  SO_ERROR: 0x1007,
  SO_TYPE: 0x1008,
  SO_LINGER: 0x0080,
  SO_ACCEPTCONN: 0x0002,
  SO_ATTACH_FILTER: 0,
  SO_NOSIGPIPE: 0x1022,
  IPV6_V6ONLY: 27,
  MSG_NOSIGNAL: 0,
  MSG_TRUNC: 0x10,
  MSG_DONTWAIT: 0x80,
  O_NOCTTY: 0x20000,
  O_NONBLOCK: 0x0004,
  O_CLOEXEC: 0x1000000,
  UNIX_PATH_BYTES: 104,
};

/** True on the BSD side of Unix: socket addresses begin with their length there. */
export const isDarwin = globalThis.process?.platform === 'darwin';

export const constants: Constants = isDarwin ? darwin : linux;

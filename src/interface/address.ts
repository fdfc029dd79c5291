/** An Internet endpoint. */
export interface InternetAddress {
  /** literal IPv4 or IPv6 address; a scope is kept (`fe80::1%eth0`) */
  host: string;
  port: number;
  family: AddressFamily;
}

/** A Unix-domain endpoint. */
export interface UnixAddress {
  /** path in the file system; an abstract name (Linux) starts with NUL; empty for an unbound peer */
  path: string;
}

export type SocketAddress = InternetAddress | UnixAddress;

/** IP version: 4 or 6. */
export type AddressFamily = 4 | 6;

/** One answer of a resolver. */
export interface ResolvedAddress {
  family: AddressFamily;
  type: SocketType;
  /** the literal address */
  host: string;
  port: number;
  /** official name, where the look-up was made with `AI_CANONNAME` */
  canonicalName?: string | undefined;
}

export type SocketType = 'stream' | 'datagram';

/** An open descriptor for the low-level socket operations; non-blocking, closed by whoever opened it. */
export interface Socket {
  /** -1 once it is closed, or a transport has it */
  readonly fd: number;
  readonly family: AddressFamily | 'unix';
  readonly type: SocketType;
  close(): void;
}

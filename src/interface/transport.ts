import type { SocketAddress } from './address.ts';
import type { Descriptor, Signal, TlsContext } from './event-loop.ts';
import type { BaseProtocol, DatagramProtocol, StreamProtocol } from './protocol.ts';

/** What `getExtraInfo` may know, by name. A driver can offer more. */
export interface ExtraInfo {
  /** this end */
  sockname: SocketAddress;
  /** the other end */
  peername: SocketAddress;
  /** the descriptor, where the driver has one to show: for looking, not for reading or writing */
  fd: number;
  /** TLS only */
  tlsContext: TlsContext;
  peerCertificate: unknown;
  cipher: unknown;
  /** pipes only: what the transport was made for */
  pipe: Descriptor;
  /** subprocesses only: the child's process id */
  pid: number;
}

/** @see PEP 3156, "Transports" */
export interface BaseTransport {
  /** What is known of the endpoint under `name`, else `fallback`, else null. Answers after the end too. */
  getExtraInfo<Name extends keyof ExtraInfo>(name: Name): ExtraInfo[Name] | null;
  getExtraInfo<Name extends keyof ExtraInfo, D>(name: Name, fallback: D): ExtraInfo[Name] | D;
  getExtraInfo(name: string, fallback?: unknown): unknown;
  /** True from the first `close`, `abort` or fatal error on. */
  isClosing(): boolean;
  /** Stops reading now, sends what is buffered, then `connectionLost(null)`. Repeating it does nothing. */
  close(): void;
  setProtocol(protocol: BaseProtocol): void;
  getProtocol(): BaseProtocol;
}

export interface ReadTransport extends BaseTransport {
  /** No data from now on, until `resumeReading`. Idempotent; does nothing when closing. */
  pauseReading(): void;
  resumeReading(): void;
  isReading(): boolean;
}

export interface WriteTransport extends BaseTransport {
  /**
   * Sends `data`, or buffers what the kernel does not take. Never waits, never calls `connectionLost` from inside.
   *
   * The transport does not copy: leave the bytes unchanged until they are sent (`getWriteBufferSize() === 0`).
   * After the end of the connection the data is dropped, with a warning from the fifth time on.
   *
   * @throws {TypeError} not a Uint8Array
   * @throws {StateError} after `writeEof`
   */
  write(data: Uint8Array): void;
  /** The same as one write of all parts joined. */
  writelines(parts: Iterable<Uint8Array>): void;
  /** Ends this direction once the buffer is sent; reading goes on. Repeating it does nothing. */
  writeEof(): void;
  canWriteEof(): boolean;
  /** Drops the buffer, then `connectionLost(null)`. */
  abort(): void;
  /**
   * When to ask the protocol to pause and to resume, in bytes.
   *
   * @param limits `high` alone makes low a quarter of it, `low` alone makes high four times it; neither: 64 and 16 KiB
   * @throws {RangeError} unless high >= low >= 0
   */
  setWriteBufferLimits(limits?: { high?: number | undefined; low?: number | undefined }): void;
  getWriteBufferLimits(): { low: number; high: number };
  /** Bytes in user space that the kernel has not taken. */
  getWriteBufferSize(): number;
}

/** Both directions of a stream. */
export interface Transport extends ReadTransport, WriteTransport {
  setProtocol(protocol: StreamProtocol): void;
  getProtocol(): StreamProtocol;
}

export interface DatagramTransport extends BaseTransport {
  /**
   * Sends one datagram, or queues a copy of it if the kernel's buffer is full. Empty ones are sent too. What goes wrong with
   * it is told by `errorReceived`; after the end it is dropped, with a warning from the fifth time on.
   *
   * @param address null for an endpoint with a remote address, which is the only one allowed
   * @throws {TypeError} not a Uint8Array, or no address
   * @throws {RangeError} no literal address, one of another family, or not the remote one
   */
  sendto(data: Uint8Array, address?: SocketAddress | null): void;
  /** Drops what is queued, then `connectionLost(null)`. */
  abort(): void;
  /** As for a stream. A queued datagram counts for its bytes and 8 more. */
  setWriteBufferLimits(limits?: { high?: number | undefined; low?: number | undefined }): void;
  getWriteBufferLimits(): { low: number; high: number };
  getWriteBufferSize(): number;
  setProtocol(protocol: DatagramProtocol): void;
  getProtocol(): DatagramProtocol;
}

export interface SubprocessTransport extends BaseTransport {
  getPid(): number;
  /** The exit code, minus the signal's number if a signal ended it, null while it runs. */
  getReturnCode(): number | null;
  /** The pipe to the child's descriptor `fd`, null if it was not asked for. */
  getPipeTransport(fd: number): ReadTransport | WriteTransport | null;
  sendSignal(signal: Signal): void;
  terminate(): void;
  kill(): void;
}

import type { SocketAddress } from './address.ts';
import type { BaseTransport, DatagramTransport, SubprocessTransport, Transport } from './transport.ts';

/**
 * What every protocol may implement. The loop calls; a protocol never blocks and never calls these itself.
 *
 * Order of calls: `connectionMade` once, any number of others, `connectionLost` once. All run in the context of the
 * call that made the endpoint. Methods left out are not called.
 *
 * @see PEP 3156, "Protocols"
 */
export interface BaseProtocol<T extends BaseTransport = BaseTransport> {
  /** The endpoint is up. An error thrown here is reported; the connection stays. */
  connectionMade?(transport: T): void;
  /** The endpoint is gone: null after `close`, `abort` or the peer's end, else the error. */
  connectionLost?(error: Error | null): void;
  /** The write buffer went above the high-water mark: stop writing. Called from inside `write`. */
  pauseWriting?(): void;
  /** The write buffer is down to the low-water mark: go on. The last one may be missing. */
  resumeWriting?(): void;
}

/** Says what the bytes of a stream mean. */
export interface Protocol extends BaseProtocol<Transport> {
  /**
   * Some bytes, at least one, of no particular number.
   *
   * @param data the protocol's own: no later read changes it. Its `buffer` may hold other chunks beside it
   */
  dataReceived?(data: Uint8Array): void;
  /**
   * The peer has ended its direction. Return true to keep the other one open; else the transport closes itself.
   *
   * An error thrown here, or in `dataReceived`, closes the connection and becomes `connectionLost`'s error.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a method that says nothing must fit
  eofReceived?(): boolean | undefined | void;
}

/**
 * A protocol that lends the loop its own buffer to read into. Chosen by having `getBuffer`.
 *
 * @see asyncio.BufferedProtocol
 */
export interface BufferedProtocol extends BaseProtocol<Transport> {
  /**
   * Where to put what arrives next; not touched by the loop after the matching `bufferUpdated`.
   *
   * @param sizeHint bytes that would be useful, -1 if any number is
   * @returns at least one byte; an empty one is a fatal error
   */
  getBuffer(sizeHint: number): Uint8Array;
  /** `byteCount` bytes, at least one, are at the start of the buffer. */
  bufferUpdated(byteCount: number): void;
  // biome-ignore lint/suspicious/noConfusingVoidType: a method that says nothing must fit
  eofReceived?(): boolean | undefined | void;
}

/** Either kind of stream protocol. */
export type StreamProtocol = Protocol | BufferedProtocol;

export interface DatagramProtocol extends BaseProtocol<DatagramTransport> {
  /** One datagram, whole; may be empty. */
  datagramReceived?(data: Uint8Array, address: SocketAddress): void;
  /** A send or receive failed; the endpoint stays open. */
  errorReceived?(error: Error): void;
}

export interface SubprocessProtocol extends BaseProtocol<SubprocessTransport> {
  /** The child wrote to its descriptor `fd` (1 or 2, or another that was asked for). */
  pipeDataReceived?(fd: number, data: Uint8Array): void;
  /** The pipe to the child's descriptor `fd` is gone. In any order with `processExited`. */
  pipeConnectionLost?(fd: number, error: Error | null): void;
  /** The child has ended; its code is at `transport.getReturnCode()`. */
  processExited?(): void;
}

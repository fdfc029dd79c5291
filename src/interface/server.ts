import type { SocketAddress } from './address.ts';
import type { EventLoop } from './event-loop.ts';
import type { Waitable } from './future.ts';

/** Accepts connections and makes a protocol for each. @see PEP 3156, "Internet connections": create_server */
export interface Server extends AsyncDisposable {
  /** Where it listens; empty once closed. Port 0 has become the real one. */
  readonly sockets: readonly SocketAddress[];
  isServing(): boolean;
  /** Starts to listen; idempotent. */
  startServing(): Waitable<void>;
  /** Serves until cancelled, then closes and waits. @throws {StateError} called twice, or on a closed server */
  serveForever(): Waitable<never>;
  /** Stops accepting. Connections that are open go on. Idempotent. */
  close(): void;
  /** Ends when the server is closed and its last connection has ended. */
  waitClosed(): Waitable<void>;
  /** Closes every open connection as `transport.close()` does. */
  closeClients(): void;
  /** Ends every open connection as `transport.abort()` does. */
  abortClients(): void;
  /**
   * All of that in one call: stops accepting, lets connections end by themselves for `grace` milliseconds, then
   * aborts those that are left, and waits until all are gone.
   */
  stop(options?: { grace?: number | undefined }): Waitable<void>;
  getLoop(): EventLoop;
}

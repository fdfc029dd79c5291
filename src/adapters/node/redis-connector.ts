import type { Duplex } from 'node:stream';
import type { TimerHandle } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { StreamSocket } from './stream-socket.ts';
import { connect, type TlsConnectOptions } from './tls.ts';

/** What of its options ioredis connects by. */
interface RedisTarget {
  host?: string | undefined;
  port?: number | undefined;
  family?: number | undefined;
  path?: string | undefined;
  tls?: object | undefined;
  /** milliseconds that a connection may take to end */
  disconnectTimeout?: number | undefined;
}

/**
 * How ioredis is told to connect on the loop: `new Redis({ Connector: RedisConnector })`, with its other options as ever. For
 * single servers; clusters and sentinels bring connectors of their own.
 *
 * Each connection is made on the loop that runs then.
 */
// biome-ignore lint/suspicious/noExplicitAny: ioredis's type has protected members, so that no other class fulfils it
export const RedisConnector: new (options: unknown) => any = class RedisConnector {
  /** that of the last connection, which ioredis tells if it comes too late to hear it */
  firstError: Error | undefined;
  #stream: Duplex | null = null;
  readonly #target: RedisTarget;

  constructor(options: unknown) {
    this.#target = options as RedisTarget;
  }

  check(_info: unknown): boolean {
    return true;
  }

  async connect(): Promise<Duplex> {
    const { host, port, family, path, tls } = this.#target;
    const place = path ? { path } : { host, port, family };
    const stream =
      tls === undefined ? StreamSocket.connect(place) : connect({ ...place, ...tls } as TlsConnectOptions);
    this.#stream = stream;
    stream.once('error', (error) => {
      this.firstError = error;
    });
    return stream;
  }

  disconnect(): void {
    const stream = this.#stream;
    if (stream === null || stream.closed) return;
    const { disconnectTimeout = 2000 } = this.#target;
    const timer: TimerHandle = getRunningLoop().callLater(disconnectTimeout, () => stream.destroy());
    stream.once('close', () => timer.cancel());
    stream.end();
  }
};

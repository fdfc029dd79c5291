/** HTTP clients of Node's over connections of the loop: agents for `node:http` and `https`, and what undici connects by. */
import { type AgentOptions, type ClientRequestArgs, Agent as NodeHttpAgent } from 'node:http';
import { type AgentOptions as HttpsAgentOptions, Agent as NodeHttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { EventLoop } from '../../interface/index.ts';
import { StreamSocket } from './stream-socket.ts';
import { connect, type TlsConnectOptions } from './tls.ts';
import { prepareTls, useLoopUnder } from './tls-on-loop.ts';

interface OnLoop {
  /** the one to connect on; the one that runs when that is done, unless given */
  loop?: EventLoop | undefined;
}

/** An agent whose connections are `StreamSocket`s. */
export class HttpAgent extends NodeHttpAgent {
  readonly #loop: EventLoop | undefined;

  constructor({ loop, ...options }: AgentOptions & OnLoop = {}) {
    super(options);
    this.#loop = loop;
  }

  override createConnection(options: ClientRequestArgs): StreamSocket {
    return StreamSocket.connect({ ...options, loop: this.#loop } as never);
  }
}

/** An agent whose connections are TLS over `StreamSocket`s. Sessions are kept and reused as in Node's. */
export class HttpsAgent extends NodeHttpsAgent {
  readonly #loop: EventLoop | undefined;

  constructor({ loop, ...options }: HttpsAgentOptions & OnLoop = {}) {
    super(options);
    this.#loop = loop;
    prepareTls();
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const { timeout, ...target } = options;
    const socket = StreamSocket.connect({ ...target, loop: this.#loop } as never);
    const secure = super.createConnection({ ...options, socket } as ClientRequestArgs, callback);
    if (secure != null) {
      useLoopUnder(secure as TLSSocket, socket.loop);
      if (timeout) (secure as TLSSocket).setTimeout(timeout);
    }
    return secure;
  }
}

/** What undici asks its connector for. */
export interface UndiciTarget {
  hostname: string;
  /** with the port, where it is not the protocol's own */
  host?: string | undefined;
  protocol: string;
  port?: string | number | undefined;
  servername?: string | null | undefined;
  localAddress?: string | null | undefined;
  /** a connection to a proxy, over which to speak TLS */
  httpSocket?: Duplex | undefined;
}

/** What undici's types call for; it is a `StreamSocket` where it is not TLS. */
type Connected = (
  ...result: [error: null, socket: Socket | TLSSocket] | [error: Error, socket: null]
) => void;

/**
 * A connector for undici, and so for `fetch`: `new Agent({ connect: undiciConnect() })`.
 *
 * @param options for TLS, and milliseconds that connecting may take: `timeout`, 10 000 unless given
 */
export function undiciConnect({
  timeout = 10_000,
  ...options
}: TlsConnectOptions = {}): (target: UndiciTarget, callback: Connected) => void {
  return ({ hostname, protocol, port, servername, localAddress, httpSocket }, callback) => {
    const isSecure = protocol === 'https:';
    const place = {
      ...options,
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port || (isSecure ? 443 : 80),
      localAddress: localAddress ?? undefined,
    };
    const socket = isSecure
      ? connect({
          ...place,
          ...(servername || options.servername ? { servername: servername || options.servername } : {}),
          ...(httpSocket === undefined ? {} : { socket: httpSocket }),
          ALPNProtocols: ['http/1.1'],
        } as TlsConnectOptions)
      : StreamSocket.connect(place as never);
    const tooLong = () => {
      const message = `Connect Timeout Error (attempted address: ${place.host}:${place.port}, timeout: ${timeout}ms)`;
      socket.destroy(Object.assign(new Error(message), { code: 'UND_ERR_CONNECT_TIMEOUT' }));
    };
    const end = () => {
      socket.setTimeout(0, tooLong);
      socket.off('error', failed).off(isSecure ? 'secureConnect' : 'connect', connected);
    };
    const connected = () => {
      end();
      callback(null, socket as Socket | TLSSocket);
    };
    const failed = (error: Error) => {
      end();
      callback(error, null);
    };
    socket.setTimeout(timeout, tooLong);
    socket.once('error', failed).once(isSecure ? 'secureConnect' : 'connect', connected);
  };
}

/** `node:tls` over connections of the loop: `connect` and `createServer`; all else is Node's own. */
import tls, { type ConnectionOptions, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { EventLoop } from '../../interface/index.ts';
import { readTarget, type SocketTarget } from './socket-target.ts';
import { StreamSocket, type StreamSocketOptions } from './stream-socket.ts';
import { prepareTls, useLoopUnder } from './tls-on-loop.ts';
import { useLoop } from './use-loop.ts';

// Captured when loaded: a shim that is put in its place stands on this.
const { connect: realConnect } = tls;

export type TlsConnectOptions = Omit<ConnectionOptions, 'lookup' | 'onread' | 'port' | 'host' | 'path'> &
  StreamSocketOptions &
  SocketTarget;

/**
 * Speaks TLS to a host, as `tls.connect` does, over a `StreamSocket`: a new one, or `options.socket`. Timeouts of the socket
 * it returns are on the loop's clock.
 *
 * @param args options; or port and host, or path, and then options
 * @throws as `tls.connect` and `StreamSocket.connect` do
 */
export function connect(
  ...args:
    | [options: TlsConnectOptions, onSecure?: () => void]
    | [
        port: number | string,
        host?: string | TlsConnectOptions | (() => void),
        options?: TlsConnectOptions | (() => void),
        onSecure?: () => void,
      ]
): TLSSocket {
  prepareTls();
  const [target, onSecure] = readTlsTarget(args);
  const socket = target.socket ?? StreamSocket.connect(plain(target) as SocketTarget);
  const options = { ...target, socket, host: target.host ?? 'localhost' };
  const secure = realConnect(options as ConnectionOptions, onSecure ?? undefined);
  if (socket instanceof StreamSocket) {
    useLoopUnder(secure, socket.loop);
    if (socket.connecting) {
      // As of a socket that TLS has connected itself.
      Object.assign(secure, { connecting: true });
      socket.once('connect', () => {
        Object.assign(secure, { connecting: false });
        secure.emit('connect');
      });
    }
    if (target.timeout) secure.setTimeout(target.timeout);
  }
  return secure;
}

/** As `tls.createServer`, of a server that listens on the loop. @see useLoop */
export function createServer(
  options?: (TlsOptions & { loop?: EventLoop | undefined }) | ((socket: TLSSocket) => void),
  onSecure?: (socket: TLSSocket) => void,
): Server {
  if (typeof options === 'function') return useLoop(tls.createServer(options));
  const { loop, ...rest } = options ?? {};
  return useLoop(tls.createServer(rest, onSecure), loop);
}

export * from 'node:tls';
export default { ...tls, connect, createServer };

function readTlsTarget(args: readonly unknown[]): [TlsConnectOptions, (() => void) | null] {
  const given = args.find((one) => typeof one === 'object' && one !== null) as TlsConnectOptions | undefined;
  const last = args.at(-1);
  if (given?.socket) return [given, typeof last === 'function' ? (last as () => void) : null];
  const [target, onSecure] = readTarget(args);
  return [{ ...given, ...target }, onSecure];
}

/** What is for the plain socket: buffers and ends of the stream that is read are TLS's. */
function plain({ timeout, onread, signal, allowHalfOpen, ...target }: TlsConnectOptions): object {
  return { ...target, allowHalfOpen: false };
}

import { isIP, type Server } from 'node:net';
import { type EventLoop, StateError } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { ListeningHandle, type ListeningServer, type ServerInsides } from './listening-handle.ts';
import { coded } from './node-failure.ts';
import { useLoopForTls } from './tls-on-loop.ts';

/** `_listen2` of a `net.Server`: its one way to the kernel, which Node calls so because others wrap it. */
type Listen2 = (
  address: string | null,
  port: number,
  addressType: number,
  backlog: number | undefined,
  fd: number | undefined,
  flags: number | undefined,
) => void;

interface Listening extends ServerInsides {
  _connectionKey?: string;
  listen(...args: unknown[]): this;
  _listen2: Listen2;
}

/** Bits of the flags that `listen` makes of its options. */
const ipv6OnlyFlag = 1;
const reusePortFlag = 2;

/**
 * From now on, `listen` of this server of Node's listens on the loop; its connections are `StreamSocket`s. Everything else
 * stays as it is: events, `close`, `address()`, `maxConnections`, and what `node:http`, `https`, `http2` and `tls` do with
 * connections. The address is known when `listen` returns, as Node's is, where the loop's driver can listen at once; where
 * it cannot, and of a host that has to be looked up, when 'listening' is emitted.
 *
 * A handle or a descriptor cannot be listened on (`ENOTSUP`).
 *
 * @param loop the one that runs when `listen` is called, unless given
 * @returns the server
 */
export function useLoop<S extends Server>(server: S, loop?: EventLoop): S {
  putOnLoop(server, loop);
  return server;
}

/** As `useLoop`. @returns what takes it off again: the next `listen` is as it was before */
export function putOnLoop(server: Server, loop?: EventLoop): () => void {
  const listening = server as unknown as Listening;
  const { listen } = listening;
  let host: string | null = null;
  Object.defineProperties(listening, {
    // Node would look it up by libuv.
    listen: hidden((...args: unknown[]): Server => {
      host = hostOf(args);
      // Now, and not from the middle of `listen`.
      if ((loop ?? getRunningLoop()).isClosed()) {
        throw new StateError('ERR_LOOP_CLOSED', 'Cannot listen: the event loop is closed');
      }
      return listen.apply(listening, host === null ? args : withoutHost(args)) as unknown as Server;
    }),
    _listen2: hidden(((address, port, addressType, backlog, fd, flags = 0) => {
      if (listening._handle != null || fd != null) {
        listening._handle = null;
        const message = 'listen ENOTSUP: a handle or a descriptor cannot be listened on by the loop';
        const error = Object.assign(coded('ENOTSUP', new Error(message)), { syscall: 'listen' });
        process.nextTick(() => server.emit('error', error));
        return;
      }
      const isPath = addressType === -1;
      // What it asked for, as Node's modules look at it.
      listening._connectionKey = isPath ? `-1:${address}:-1` : `${addressKind(host)}:${host ?? '::'}:${port}`;
      listening._handle = new ListeningHandle(
        server as unknown as ListeningServer,
        loop ?? getRunningLoop(),
        {
          host: isPath ? null : (host ?? address),
          port,
          path: isPath ? address : null,
          backlog,
          ipv6Only: (flags & ipv6OnlyFlag) !== 0,
          reusePort: (flags & reusePortFlag) !== 0,
        },
      );
    }) satisfies Listen2),
  });
  // Only they have it: TLS is loaded already.
  const noMoreTls = 'setSecureContext' in server ? useLoopForTls(server, loop ?? null) : () => {};
  return () => {
    Reflect.deleteProperty(listening, 'listen');
    Reflect.deleteProperty(listening, '_listen2');
    noMoreTls();
  };
}

function hidden(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: false };
}

/** The host of `listen`'s arguments; null if there is none. */
function hostOf([first, second]: readonly unknown[]): string | null {
  const host =
    typeof first === 'object' && first !== null ? (first as { host?: unknown; path?: unknown }).host : second;
  return typeof host === 'string' && host !== '' && !isPath(first) ? host : null;
}

/** Of all interfaces, if no host is given, and they are IPv6's. */
function addressKind(host: string | null): number {
  return host === null ? 6 : isIP(host) || 4;
}

function isPath(first: unknown): boolean {
  return typeof first === 'string' && !(Number(first) >= 0);
}

function withoutHost([first, ...others]: readonly unknown[]): unknown[] {
  if (typeof first === 'object') return [{ ...first, host: undefined }, ...others];
  return [first, ...others.slice(1)];
}

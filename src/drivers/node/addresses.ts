import { isIPv6, type Server, type Socket } from 'node:net';
import type { SocketAddress, StreamTarget } from '../../interface/index.ts';

export function localAddress(socket: Socket): SocketAddress | null {
  return internetAddress(socket.localAddress, socket.localPort);
}

export function remoteAddress(socket: Socket): SocketAddress | null {
  return internetAddress(socket.remoteAddress, socket.remotePort);
}

export function listeningAddress(server: Server, target: StreamTarget): SocketAddress {
  const address = server.address();
  if (address === null || typeof address === 'string')
    return { path: target.kind === 'unix' ? target.path : '' };
  return { host: address.address, port: address.port, family: isIPv6(address.address) ? 6 : 4 };
}

function internetAddress(host: string | undefined, port: number | undefined): SocketAddress | null {
  if (host === undefined || port === undefined) return null;
  return { host, port, family: isIPv6(host) ? 6 : 4 };
}

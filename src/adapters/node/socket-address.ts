import type { SocketAddress } from '../../interface/index.ts';

/** An address as Node's sockets and servers give it; empty for one that is none of the Internet's. */
export interface NodeAddress {
  address?: string;
  family?: 'IPv4' | 'IPv6';
  port?: number;
}

export function nodeAddress(address: SocketAddress | null): NodeAddress {
  if (address === null || !('host' in address)) return {};
  return { address: address.host, family: address.family === 4 ? 'IPv4' : 'IPv6', port: address.port };
}

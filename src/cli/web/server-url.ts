import type { Server } from '../../interface/index.ts';

/** Where a browser on this machine reaches the server: `http://127.0.0.1:8080/`. @throws {RangeError} on no Internet port */
export function urlOf(server: Server): string {
  for (const address of server.sockets) {
    if (!('host' in address)) continue;
    // What is bound to all interfaces is reached by the loopback one.
    const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.host] ?? address.host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/`;
  }
  throw new RangeError('Cannot tell the URL: the server listens on no Internet port');
}

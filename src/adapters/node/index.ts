/**
 * Node's streams to and from ours, with back-pressure, errors and cancellation passed on both ways; and Node's own
 * sockets and servers on our loop.
 */
export { fromNodeReadable } from './from-node-readable.ts';
export { fromNodeWritable } from './from-node-writable.ts';
export { installNet } from './install-net.ts';
export { installTimers, type TimersOptions } from './install-timers.ts';
export { type LookupAddress, type LookupOptions, lookup } from './lookup.ts';
export { RedisConnector } from './redis-connector.ts';
export { type ServeOptions, serve } from './serve.ts';
export type { ConnectArguments, SocketTarget } from './socket-target.ts';
export { StreamSocket, type StreamSocketOptions } from './stream-socket.ts';
export { toNodeDuplex } from './to-node-duplex.ts';
export { toNodeReadable } from './to-node-readable.ts';
export { type NodeStreamOptions, toNodeWritable } from './to-node-writable.ts';
export type { Uninstall } from './uninstall.ts';
export { useLoop } from './use-loop.ts';

/** Transports over channels: flow control and the protocol calls, written once for every driver. */
export { DatagramTransport } from './datagram-transport.ts';
export { ReadPipeTransport } from './read-pipe-transport.ts';
export { StreamTransport } from './stream-transport.ts';
export type { OpenTransport, TransportKeeper, TransportLoop } from './transport-loop.ts';
export { WritePipeTransport } from './write-pipe-transport.ts';

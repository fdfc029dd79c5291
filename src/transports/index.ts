/** Transports over channels: flow control and the protocol calls, written once for every driver. */
export { StreamTransport, type TransportKeeper, type TransportLoop } from './stream-transport.ts';

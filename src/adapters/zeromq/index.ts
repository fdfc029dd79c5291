/** ZeroMQ's sockets on our loop, by libzmq's own descriptor: nothing of it waits in libuv. */
export { curveKeyPair } from './curve-key-pair.ts';
export type { Message, MessagePart } from './message.ts';
export type { SocketKind, SocketOf } from './socket-kinds.ts';
export type { CurveClient, CurveServer, SocketOptions } from './socket-options.ts';
export { ZmqContext, type ZmqContextOptions } from './zmq-context.ts';
export { type CloseOptions, ZmqSocket } from './zmq-socket.ts';

import type { ZmqSocket } from './zmq-socket.ts';

/** By ZeroMQ's numbers. @see zmq_socket(3) */
export const socketKinds = {
  pair: 0,
  pub: 1,
  sub: 2,
  req: 3,
  rep: 4,
  dealer: 5,
  router: 6,
  pull: 7,
  push: 8,
  xpub: 9,
  xsub: 10,
} as const;

export type SocketKind = keyof typeof socketKinds;

type Receiving = 'receive' | typeof Symbol.asyncIterator;
type Subscribing = 'subscribe' | 'unsubscribe';

/** What a socket of this kind can do. */
export type SocketOf<Kind extends SocketKind> = Omit<
  ZmqSocket,
  | (Kind extends 'pub' | 'push' ? Receiving : never)
  | (Kind extends 'sub' | 'pull' ? 'send' : never)
  | (Kind extends 'sub' ? never : Subscribing)
>;

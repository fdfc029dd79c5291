import { type Future, Task } from '../coroutines/index.ts';
import type {
  EventLoop,
  Listener,
  ListenerSink,
  NameOperations,
  Socket,
  SocketAddress,
  SocketOperations,
  StreamChannel,
  Suspension,
} from '../interface/index.ts';
import { isNonBlocking } from '../syscalls/index.ts';
import { checkHost, checkPort, literalAddress, resolve } from './addresses.ts';
import { OperationFuture } from './operation-future.ts';

export function sockRecv(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  byteCount: number,
): Future<Uint8Array> {
  checkSocket(loop, socket);
  checkByteCount(byteCount);
  return new OperationFuture<Uint8Array>(loop, (completion) =>
    sockets.receive(socket, byteCount, completion),
  );
}

export function sockRecvInto(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  buffer: Uint8Array,
): Future<number> {
  checkSocket(loop, socket);
  checkBytes(buffer, 'receive', 'buffer');
  return new OperationFuture<number>(loop, (completion) => sockets.receiveInto(socket, buffer, completion));
}

export function sockRecvfrom(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  byteCount: number,
): Future<[data: Uint8Array, address: SocketAddress]> {
  checkSocket(loop, socket);
  checkByteCount(byteCount);
  return new OperationFuture<[Uint8Array, SocketAddress]>(loop, (completion) =>
    sockets.receiveFrom(socket, byteCount, completion),
  );
}

export function sockRecvfromInto(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  buffer: Uint8Array,
): Future<[byteCount: number, address: SocketAddress]> {
  checkSocket(loop, socket);
  checkBytes(buffer, 'receive', 'buffer');
  return new OperationFuture<[number, SocketAddress]>(loop, (completion) =>
    sockets.receiveFromInto(socket, buffer, completion),
  );
}

export function sockSendall(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  data: Uint8Array,
): Future<void> {
  checkSocket(loop, socket);
  checkBytes(data, 'send', 'data');
  return new OperationFuture<void>(loop, (completion) => sockets.sendAll(socket, data, completion));
}

export function sockSendto(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  data: Uint8Array,
  address: SocketAddress,
): Future<number> {
  checkSocket(loop, socket);
  checkBytes(data, 'send', 'data');
  checkAddress(address, 'send');
  return new OperationFuture<number>(loop, (completion) => sockets.sendTo(socket, data, address, completion));
}

/** A host that is no literal address is looked up first. */
export function sockConnect(
  loop: EventLoop,
  sockets: SocketOperations,
  names: () => NameOperations,
  socket: Socket,
  address: SocketAddress,
): Future<void> {
  checkSocket(loop, socket);
  checkAddress(address, 'connect');
  const connect = (to: SocketAddress) =>
    new OperationFuture<void>(loop, (completion) => sockets.connect(socket, to, completion));
  if ('path' in address || literalAddress(address.host, address.port, {}) !== null) return connect(address);
  const { host, port } = address;
  const family = socket.family === 'unix' ? undefined : socket.family;
  function* lookUpAndConnect(): Generator<Suspension, void, unknown> {
    const [found] = yield* resolve(loop, names(), host, port, { family, type: socket.type });
    if (found !== undefined) yield* connect(found);
  }
  return new Task<void>(lookUpAndConnect(), { loop, name: 'sockConnect' });
}

export function sockAccept(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
): Future<[connection: Socket, address: SocketAddress]> {
  checkSocket(loop, socket);
  return new OperationFuture<[Socket, SocketAddress]>(loop, (completion) =>
    sockets.accept(socket, completion),
  );
}

/** A channel on a socket that the caller gave. */
// biome-ignore lint/correctness/useYield: it waits for nothing, and stands where others connect
export function* openGiven(
  sockets: SocketOperations,
  socket: Socket,
): Generator<Suspension, StreamChannel, unknown> {
  return sockets.openChannel(socket);
}

/** Listens on a socket that the caller gave. */
export function* listenOnGiven(
  loop: EventLoop,
  sockets: SocketOperations,
  socket: Socket,
  options: { backlog: number; keepFile?: boolean | undefined },
  sink: ListenerSink,
): Generator<Suspension, Listener[], unknown> {
  const listener = yield* new OperationFuture<Listener>(loop, (completion) =>
    sockets.listen(socket, options, sink, completion),
  );
  return [listener];
}

/** @throws {TypeError | RangeError} no socket, or not one for streams, or not of that family */
export function checkStreamSocket(loop: EventLoop, socket: Socket, doing: string, family?: 'unix'): void {
  checkSocket(loop, socket);
  if (socket.type !== 'stream')
    throw new RangeError(`Cannot ${doing}: the socket is one for ${socket.type}s, not for streams`);
  if (family !== undefined && socket.family !== family)
    throw new RangeError(`Cannot ${doing}: the socket is no Unix socket`);
}

/** @throws {TypeError | RangeError} no socket; in debug mode, one that blocks */
function checkSocket(loop: EventLoop, socket: Socket): void {
  if (typeof socket !== 'object' || socket === null || typeof socket.fd !== 'number')
    throw new TypeError('Cannot use the socket: it is no object with a descriptor as its fd');
  if (loop.getDebug() && socket.fd >= 0 && !isNonBlocking(socket.fd))
    throw new RangeError(`Cannot use the socket: descriptor ${socket.fd} blocks`);
}

function checkByteCount(byteCount: number): void {
  if (typeof byteCount !== 'number')
    throw new TypeError('Cannot receive: the number of bytes is not a number');
  if (!Number.isInteger(byteCount) || byteCount < 0)
    throw new RangeError(`Cannot receive ${byteCount} bytes: not an integer from 0 on`);
}

function checkBytes(bytes: Uint8Array, doing: string, what: string): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`Cannot ${doing}: the ${what} is not a Uint8Array`);
}

function checkAddress(address: SocketAddress, doing: string): void {
  if (typeof address !== 'object' || address === null)
    throw new TypeError(`Cannot ${doing}: the address is not an object`);
  if ('path' in address) {
    if (typeof address.path !== 'string') throw new TypeError(`Cannot ${doing}: the path is not a string`);
    return;
  }
  if (typeof address.host !== 'string') throw new TypeError(`Cannot ${doing}: the host is not a string`);
  if (typeof address.port !== 'number') throw new TypeError(`Cannot ${doing}: the port is not a number`);
  checkHost(address.host);
  checkPort(address.port);
}

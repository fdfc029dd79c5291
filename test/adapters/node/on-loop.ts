import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { StreamSocket, type StreamSocketOptions } from '../../../src/adapters/node/index.ts';
import { Future } from '../../../src/coroutines/index.ts';
import type { Protocol } from '../../../src/interface/index.ts';
import { getRunningLoop } from '../../../src/loop/index.ts';
import type { EventLoop } from '../../../src/runtime/index.ts';
import { Recorder, type Steps, serve as serveProtocol } from '../../contract/endpoints.ts';

export const local = '127.0.0.1';

/** The arguments of the next such event; an 'error' instead is thrown. */
export function next<Args extends unknown[]>(emitter: EventEmitter, name: string): Future<Args> {
  const future = new Future<Args>();
  const settle = (act: () => void) => {
    emitter.off(name, happened).off('error', failed);
    if (!future.done()) act();
  };
  const happened = (...args: Args) => settle(() => future.setResult(args));
  const failed = (error: Error) => settle(() => future.setException(error));
  emitter.once(name, happened);
  if (name !== 'error') emitter.once('error', failed);
  return future;
}

/** Notes these events in order, as they come. */
export function eventsOf(emitter: EventEmitter, ...names: string[]): string[] {
  const seen: string[] = [];
  for (const name of names) emitter.on(name, () => void seen.push(name));
  return seen;
}

/** Everything that a stream gives, as text. */
export function* readAll(stream: NodeJS.ReadableStream): Steps<string> {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  yield* next(stream, 'end');
  return text;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Closes a server, and waits until its connections have ended. */
export function* closed(server: Server): Steps {
  const closing = next(server, 'close');
  server.close();
  yield* closing;
}

/** A socket that is connected to a protocol of the test's. */
export function* connectTo<P extends Protocol = Recorder>(
  far: P = new Recorder() as unknown as P,
  options: StreamSocketOptions = {},
): Steps<{ socket: StreamSocket; far: P; finish(): Steps }> {
  const timers = timerCount();
  const serving = yield* serveProtocol('TCP', () => far);
  const [address] = serving.server.sockets;
  assert.ok(address !== undefined && 'port' in address);
  const socket = StreamSocket.connect({ host: local, port: address.port, ...options });
  yield* next(socket, 'connect');
  if (far instanceof Recorder) yield* far.until(() => far.connected);
  return {
    socket,
    far,
    *finish() {
      serving.server.close();
      if (!socket.closed) {
        const gone = next(socket, 'close');
        socket.destroy();
        yield* gone;
      }
      serving.server.abortClients();
      yield* serving.server.waitClosed();
      assert.equal(timerCount(), timers, 'a timer is left');
    },
  };
}

/** The test's own one among them. */
function timerCount(): number {
  return (getRunningLoop() as EventLoop).inspect().timers.length;
}

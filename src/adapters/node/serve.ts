import type { ListenOptions, Server } from 'node:net';
import { coroutine, Future } from '../../coroutines/index.ts';
import type { EventLoop } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { useLoop } from './use-loop.ts';

export interface ServeOptions extends Omit<ListenOptions, 'fd' | 'handle'> {
  /** the running one unless given */
  loop?: EventLoop | undefined;
}

/**
 * Lets a server of Node's listen on the loop: of `node:net`, `tls`, `http`, `https`, `http2`, and so of Express, Fastify,
 * Koa, Hono, ws and whatever else stands on them. Ends when it listens.
 *
 * To close it, call its `close`; cancelled before it listens, it is closed.
 *
 * @param options where, as the server's own `listen` takes it
 * @returns the server; its `address()` says where it listens
 * @throws as `listen` does, and with what its 'error' says
 * @see useLoop, for who calls `listen` by itself
 */
export const serve = coroutine(function* serve<S extends Server>(server: S, options: ServeOptions) {
  const { loop = getRunningLoop(), ...place } = options;
  useLoop(server, loop);
  const listening = new Future<void>({ loop });
  const listens = () => void listening.setResult();
  const fails = (error: Error) => void listening.setException(error);
  server.once('listening', listens).once('error', fails);
  try {
    server.listen(place);
    yield* listening;
  } catch (error) {
    server.close();
    throw error;
  } finally {
    server.off('listening', listens).off('error', fails);
  }
  return server;
});

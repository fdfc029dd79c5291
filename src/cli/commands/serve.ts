import { coroutine } from '../../coroutines/index.ts';
import type { Suspension } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { CommandError } from '../failure.ts';
import { runInterruptibly } from '../interruption.ts';
import { createFileHandler } from '../web/file-server.ts';
import { type HttpHandler, serveHttp } from '../web/http-server.ts';
import { urlOf } from '../web/server-url.ts';

const CONNECTIONS_MAX = 1000;
/** milliseconds for answers under way when the server is stopped */
const GRACE = 500;

/**
 * `tulipa serve DIR`: serves the files of a folder until interrupted.
 *
 * @returns the exit code
 * @throws {CommandError} no such folder
 * @throws {SystemError} the address cannot be bound
 */
export const serveCommand = coroutine(function* (
  folder: string,
  address: { host: string; port: number },
): Generator<Suspension, number, unknown> {
  const handler = yield* openFolder(folder);
  const server = yield* serveHttp(handler, {
    ...address,
    maxConnections: CONNECTIONS_MAX,
    onExchange({ request, status, byteCount }) {
      const asked = request === null ? 'unreadable request' : `${request.method} ${request.target}`;
      process.stderr.write(`${status} ${byteCount} ${asked}\n`);
    },
  });
  yield* runInterruptibly(announce(`Serving ${folder} on ${urlOf(server)} (Ctrl-C stops)\n`));
  yield* server.stop({ grace: GRACE });
  return 0;
});

/** Says it once Ctrl-C is listened to, and then does nothing until it comes. */
const announce = coroutine(function* (text: string): Generator<Suspension, void, unknown> {
  process.stdout.write(text);
  yield* getRunningLoop().createFuture<void>();
});

const openFolder = coroutine(function* (folder: string): Generator<Suspension, HttpHandler, unknown> {
  try {
    return yield* createFileHandler(folder);
  } catch (error) {
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such folder',
      ENOTDIR: 'it is no folder',
      EACCES: 'reading it is not permitted',
    };
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new CommandError(`Cannot serve ${folder}: ${reasons[code] ?? code}`, { cause: error });
  }
});

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type EventLoop, StateError } from '../interface/index.ts';
import { atLoopEnd } from './loop-end.ts';
import { takeSnapshot } from './snapshot.ts';
import {
  makeSocketFolder,
  nextSocketName,
  ownUid,
  socketFolder,
  sweepSocketFolder,
} from './socket-folder.ts';
import { whyRunning } from './why-running.ts';

// The protocol: the client sends one line, a request as JSON; the server answers by one line and ends the connection.
//
//   {"ask":"tasks","tasksMax":10000}   ->   {"ok":true,"answer":{"pid":4711,"thread":0,…}}
//   {"ask":"tea"}                      ->   {"ok":false,"error":"Cannot answer \"tea\": …"}

/** Characters of a request; who sends more is not one of ours. */
const requestLengthMax = 4096;
/** Tasks in an answer, unless more are asked for: a snapshot stops the loop for as long as it takes. */
const tasksMaxDefault = 10_000;

/** What a process can be asked. */
export interface DebugRequest {
  readonly ask: 'tasks' | 'why';
  readonly tasksMax?: number;
  /** whether to find out where generators stand, which stops a process for some 50 ms at the first time; true unless given */
  readonly places?: boolean;
}

export type DebugAnswer =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly error: string };

export interface DebugSocketOptions {
  /** where to make the socket; the user's own folder unless given */
  folder?: string | undefined;
}

/** An open debug socket. */
export interface DebugSocket {
  /** of the socket's file */
  readonly path: string;
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a socket by which `tulipa ps` and `tulipa pstree` look into this process: a Unix-domain socket that only the
 * process's own user can reach.
 *
 * It is served by the host's loop and not by the loop that is looked at, which it therefore does not disturb: it is not
 * among that one's servers, transports and tasks, and keeps nothing alive. It closes with the loop, or the process, at
 * the latest.
 *
 * @returns resolves once it can be reached
 * @throws {StateError} the folder for it is not ours alone; the loop is closed, or was before it could be reached
 * @throws what the system says of a socket that cannot be opened
 */
export async function serveDebug(loop: EventLoop, options: DebugSocketOptions = {}): Promise<DebugSocket> {
  const folder = options.folder ?? socketFolder(process.env, ownUid());
  makeSocketFolder(folder);
  sweepSocketFolder(folder);
  const path = join(folder, nextSocketName());
  // A process that had our number has left it.
  rmSync(path, { force: true });
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    serve(connection, loop);
  });
  server.unref();
  const close = () => {
    stayOpen();
    process.off('exit', close);
    server.close();
    for (const connection of connections) connection.destroy();
  };
  const stayOpen = atLoopEnd(loop, 'open a debug socket for the loop', close);
  process.once('exit', close);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('close', () => {
        reject(
          new StateError('ERR_LOOP_CLOSED', 'Cannot open a debug socket: the loop was closed meanwhile'),
        );
      });
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  } catch (error) {
    close();
    throw error;
  }
  // From now on trouble is that of some connection: whoever asks will notice.
  server.on('error', () => {});
  return { path, close };
}

function serve(connection: Socket, loop: EventLoop): void {
  let received = '';
  connection.unref();
  connection.setEncoding('utf8');
  connection.on('error', () => {});
  connection.on('data', (text: string) => {
    received += text;
    const end = received.indexOf('\n');
    if (end === -1 && received.length <= requestLengthMax) return;
    connection.removeAllListeners('data');
    connection.end(`${JSON.stringify(answer(received.slice(0, end), loop))}\n`);
  });
}

function answer(line: string, loop: EventLoop): DebugAnswer {
  try {
    const request = JSON.parse(line) as Partial<DebugRequest> | null;
    switch (request?.ask) {
      case 'tasks': {
        const { tasksMax = tasksMaxDefault, places = true } = request;
        return {
          ok: true,
          answer: takeSnapshot(loop, { tasksMax: Number(tasksMax), places: places === true }),
        };
      }
      case 'why':
        return { ok: true, answer: whyRunning(loop) };
      default:
        return {
          ok: false,
          error: `Cannot answer ${JSON.stringify(request?.ask)}: this version knows "tasks" and "why"`,
        };
    }
  } catch (error) {
    return { ok: false, error: `Cannot answer: ${error instanceof Error ? error.message : String(error)}` };
  }
}

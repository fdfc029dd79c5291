import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Completion,
  type EventLoop as EventLoopInterface,
  type Listener,
  type Operation,
  StateError,
  type StreamOperations,
} from '../interface/index.ts';
import { EventLoop } from '../runtime/index.ts';
import { unlinkAtThreadEnd } from '../syscalls/index.ts';
import { DebugConnection } from './debug-connection.ts';
import { hostStreams } from './host-streams.ts';
import { atLoopEnd } from './loop-end.ts';
import {
  makeSocketFolder,
  nextSocketName,
  ownUid,
  socketFolder,
  sweepSocketFolder,
} from './socket-folder.ts';

/** So many may wait to be looked at, while the loop is busy. */
const backlog = 16;

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
 * It is served while the loop runs, by the loop's own driver, so that a loop that blocks its thread can be looked into
 * too. It is not among that loop's servers, transports and tasks, and keeps nothing alive. It closes with the loop, or the
 * process, at the latest.
 *
 * @returns resolves once it can be reached, for which the loop has to run
 * @throws {StateError} the folder for it is not ours alone; the loop is closed, or was before it could be reached
 * @throws what the system says of a socket that cannot be opened
 */
export async function serveDebug(
  loop: EventLoopInterface,
  options: DebugSocketOptions = {},
): Promise<DebugSocket> {
  return await new Promise<DebugSocket>((resolve, reject) => {
    openDebugSocket(loop, options, { succeeded: resolve, failed: reject });
  });
}

/**
 * As `serveDebug`, and without promises, which a loop that blocks its thread may be unable to wait for.
 *
 * @throws what cannot be done at once
 */
export function openDebugSocket(
  loop: EventLoopInterface,
  options: DebugSocketOptions,
  completion: Completion<DebugSocket>,
): void {
  const folder = options.folder ?? socketFolder(process.env, ownUid());
  makeSocketFolder(folder);
  sweepSocketFolder(folder);
  const path = join(folder, nextSocketName());
  // A process that had our number has left it.
  rmSync(path, { force: true });
  new OpenDebugSocket(loop, path, completion);
}

class OpenDebugSocket implements DebugSocket {
  readonly path: string;
  readonly #completion: Completion<DebugSocket>;
  readonly #connections = new Set<DebugConnection>();
  readonly #opening: Operation;
  readonly #stayOpen: () => void;
  #keepFile: () => void = () => {};
  #listener: Listener | null = null;
  #closed = false;

  constructor(loop: EventLoopInterface, path: string, completion: Completion<DebugSocket>) {
    this.path = path;
    this.#completion = completion;
    this.#stayOpen = atLoopEnd(loop, 'open a debug socket for the loop', this.#closeWithLoop);
    const gone = (connection: DebugConnection) => void this.#connections.delete(connection);
    this.#opening = streamsOf(loop).listen(
      { kind: 'unix', path },
      { backlog, reusePort: false, keepAlive: false },
      {
        connection: (channel) => void this.#connections.add(new DebugConnection(channel, loop, gone)),
        // Whoever asks will notice.
        troubled: () => {},
      },
      {
        succeeded: (listener) => this.#listens(listener),
        failed: (error) => {
          this.close();
          completion.failed(error);
        },
      },
    );
    process.once('exit', this.close);
  }

  readonly close = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#stayOpen();
    process.off('exit', this.close);
    this.#keepFile();
    if (this.#listener === null) this.#opening.cancel();
    this.#listener?.close();
    for (const connection of this.#connections) connection.close();
  };

  readonly #closeWithLoop = (): void => {
    const opened = this.#listener !== null;
    this.close();
    if (!opened) {
      this.#completion.failed(
        new StateError('ERR_LOOP_CLOSED', 'Cannot open a debug socket: the loop was closed meanwhile'),
      );
    }
  };

  #listens(listener: Listener): void {
    this.#listener = listener;
    listener.unref();
    try {
      chmodSync(this.path, 0o600);
    } catch (error) {
      this.close();
      this.#completion.failed(error as Error);
      return;
    }
    this.#keepFile = unlinkAtThreadEnd(this.path);
    this.#completion.succeeded(this);
  }
}

/** The loop's own ones, because the host's stand still while it blocks. */
function streamsOf(loop: EventLoopInterface): StreamOperations {
  return (loop instanceof EventLoop ? loop.streams : null) ?? hostStreams();
}

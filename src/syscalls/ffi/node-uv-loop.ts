import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { NotSupportedError } from '../../interface/index.ts';

/** Node's own libuv loop in this thread, to be turned by somebody who has its thread meanwhile. */
export interface NodeUvLoop {
  /** Readable when something has happened that a turn would tell of. */
  readonly descriptor: number;
  /** How long it may wait for that, in whole milliseconds; 0: it has something to do now; -1: no limit. */
  timeout(): number;
  /**
   * One turn, without waiting. Nothing but what is active keeps libuv looking: without a handle that has a reference
   * this does nothing. Ticks and microtasks that callbacks leave are the caller's to drain.
   */
  turn(): void;
}

interface NodeFfi {
  readonly DynamicLibrary: new (
    path: null,
  ) => {
    getFunction(name: string, signature: { arguments: string[]; return: string }): Call;
  };
  getCurrentEventLoop(): bigint;
}

type Call = (...args: (bigint | number)[]) => unknown;

const UV_RUN_NOWAIT = 2;

/**
 * From the ninth argument on `node:ffi` calls as any native function is called. With fewer it may call by V8's fast way,
 * from inside of which no JavaScript may run, and Node's callbacks are JavaScript. C ignores what it does not ask for.
 */
const slowly = [0, 0, 0, 0, 0, 0, 0] as const;

/** Several times what a `v8::TryCatch` takes. */
const tryCatchBytes = 512n;

let opened: NodeUvLoop | null = null;

/**
 * By `node:ffi` alone, which calls C on the stack that it is on itself. koffi calls on another, and V8, which Node's
 * callbacks enter there, ends the process.
 *
 * Whatever these callbacks throw, and nobody catches, V8 would keep for our JavaScript, which is below them on the
 * stack, and forget when the next callback is called. So a `v8::TryCatch` that reports stands between, as one does where
 * Node calls back from its own timers: it comes to `uncaughtException` at once. It lies in C's memory, which is below
 * the main thread's stack, and is thus taken for the innermost; on Linux this is so.
 *
 * @throws {NotSupportedError} not here
 */
export function nodeUvLoop(): NodeUvLoop {
  opened ??= open();
  return opened;
}

function open(): NodeUvLoop {
  // To terminate the thread while Node's callbacks are on our stack would take the process along.
  if (!isMainThread) throw refusal('this is a worker thread, which could not be terminated meanwhile');
  if (process.platform !== 'linux')
    throw refusal(`it was tried on Linux only, and this is ${process.platform}`);
  let ffi: NodeFfi;
  try {
    if (process.versions['bun'] !== undefined) throw new Error('Bun has no libuv');
    ffi = createRequire(import.meta.url)('node:ffi');
  } catch (cause) {
    throw refusal(
      `that takes node:ffi, which comes with Node 26, and this is ${process.version}; koffi calls on a stack of its own, where no callback of Node's can run`,
      cause,
    );
  }
  try {
    return bind(ffi);
  } catch (cause) {
    throw refusal(`node:ffi does not give access to it (${(cause as Error).message})`, cause);
  }
}

function bind(ffi: NodeFfi): NodeUvLoop {
  // Held by the functions below: one that is collected takes them along.
  const library = new ffi.DynamicLibrary(null);
  const find = (name: string, result: string, ...args: string[]) =>
    library.getFunction(name, { arguments: args, return: result });
  const backendDescriptor = find('uv_backend_fd', 'int32', 'pointer');
  const backendTimeout = find('uv_backend_timeout', 'int32', 'pointer');
  const updateTime = find('uv_update_time', 'void', 'pointer');
  const run = find('uv_run', 'int32', 'pointer', 'int32', ...slowly.map(() => 'int32'));
  const currentIsolate = find('_ZN2v87Isolate10GetCurrentEv', 'pointer');
  const beginTry = find('_ZN2v88TryCatchC1EPNS_7IsolateE', 'void', 'pointer', 'pointer');
  const setVerbose = find('_ZN2v88TryCatch10SetVerboseEb', 'void', 'pointer', 'int32');
  const endTry = find('_ZN2v88TryCatchD1Ev', 'void', 'pointer');
  const allocate = find('calloc', 'pointer', 'uint64', 'uint64');

  const loop = ffi.getCurrentEventLoop();
  const isolate = currentIsolate() as bigint;
  // Never freed: as the loop itself, it is there as long as the thread.
  const tryCatch = allocate(1n, tryCatchBytes) as bigint;
  if (loop === 0n || isolate === 0n || tryCatch === 0n) throw new Error('a null pointer');

  return {
    descriptor: backendDescriptor(loop) as number,
    timeout: () => {
      updateTime(loop);
      return backendTimeout(loop) as number;
    },
    turn: () => {
      beginTry(tryCatch, isolate);
      try {
        setVerbose(tryCatch, 1);
        run(loop, UV_RUN_NOWAIT, ...slowly);
      } finally {
        endTry(tryCatch);
      }
    },
  };
}

function refusal(why: string, cause?: unknown): NotSupportedError {
  return new NotSupportedError(
    'turnsHost',
    'libuv',
    `Cannot turn Node's own loop: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

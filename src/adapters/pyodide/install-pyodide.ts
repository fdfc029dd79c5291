import type { Future } from '../../coroutines/index.ts';
import type { EventLoop, Suspension } from '../../interface/index.ts';
import { getRunningLoop } from '../../loop/index.ts';
import { start } from '../common/start.ts';
import { LoopPort } from './loop-port.ts';
import type { PyCallable, Pyodide, PyProxy } from './pyodide.ts';
import { writePackage } from './python-package.ts';

export interface InstallPyodideOptions {
  /** the running one unless given */
  loop?: EventLoop | undefined;
}

/** Python's asyncio on a loop of ours. */
export interface Python extends AsyncDisposable {
  /**
   * A future of what a function of Python's returns, which may be a coroutine: `python.call(ask, 'you')`. Cancelling it cancels the
   * task, and it ends when that has ended. If the result is a proxy, it is yours.
   *
   * Pyodide starts an `async` function that is called as `ask('you')` by itself, and makes a promise of it.
   *
   * @throws {PythonError} of Pyodide, which has the class of the exception in `type`
   */
  call<T>(callable: PyProxy, ...args: unknown[]): Future<T>;
  /**
   * The same for a coroutine, a task or a future of asyncio. The proxy is taken over; a `copy()` stays yours.
   *
   * @throws {TypeError} none of them, or Pyodide has made a promise of it already
   */
  wrap<T>(awaitable: PyProxy): Future<T>;
  /**
   * A future of what `code` ends with; it may `await`.
   *
   * @param options `globals`: a namespace of Python's, which stays yours; that of `pyodide.runPython` unless given
   */
  run<T>(code: string, options?: { globals?: PyProxy | undefined }): Future<T>;
  /**
   * Cancels the tasks that are left, waits for them, closes Python's loop with all of its connections, and gives asyncio back
   * as it was. Nothing of Python's is held any more.
   */
  close(): Future<void>;
}

/**
 * Has asyncio make loops that are on ours. The one that is made at once is turned when ours is; with those that Python makes
 * (`asyncio.run`), it blocks until they are done, where a loop of ours does not run already and can block.
 *
 *     const python = installPyodide(await loadPyodide());
 *     await python.run('import asyncio; await asyncio.sleep(1)');
 *     await python.close();
 *
 * For several loops of ours, once for each.
 *
 * @throws {StateError} no loop runs, and none is given
 */
export function installPyodide(pyodide: Pyodide, options: InstallPyodideOptions = {}): Python {
  const loop = options.loop ?? getRunningLoop();
  writePackage(pyodide);
  const policy = pyodide.pyimport('tulipa.policy');
  try {
    let port: LoopPort | undefined;
    policy.install((tell: PyCallable) => {
      const opened = new LoopPort(loop, tell);
      port ??= opened;
      return opened;
    });
    return new LoopOfPython(pyodide, loop, port as unknown as LoopPort);
  } finally {
    policy.destroy();
  }
}

class LoopOfPython implements Python {
  readonly #pyodide: Pyodide;
  readonly #loop: EventLoop;
  readonly #port: LoopPort;
  #closing: Future<void> | null = null;

  constructor(pyodide: Pyodide, loop: EventLoop, port: LoopPort) {
    this.#pyodide = pyodide;
    this.#loop = loop;
    this.#port = port;
  }

  call<T>(callable: PyProxy, ...args: unknown[]): Future<T> {
    if (!isCallable(callable)) throw new TypeError('Cannot call this: it is no function of Python’s');
    return this.#port.future<T>('start_call', callable, ...args);
  }

  wrap<T>(awaitable: PyProxy): Future<T> {
    if (!isAwaitable(awaitable)) {
      throw new TypeError(
        'Cannot wrap this: it is nothing that Python waits for, or a promise already, as of an async function that was called; use call',
      );
    }
    try {
      return this.#port.future<T>('start', awaitable);
    } finally {
      awaitable.destroy();
    }
  }

  run<T>(
    code: string,
    { globals = this.#pyodide.globals }: { globals?: PyProxy | undefined } = {},
  ): Future<T> {
    return this.#port.future<T>('start_code', code, globals);
  }

  close(): Future<void> {
    this.#closing ??= start(this.#end.bind(this), this.#loop);
    return this.#closing;
  }

  *#end(): Generator<Suspension, void, unknown> {
    try {
      yield* this.#port.future<void>('end');
    } finally {
      const policy = this.#pyodide.pyimport('tulipa.policy');
      policy.uninstall(this.#port);
      policy.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function isCallable(value: unknown): boolean {
  return typeof value === 'function' && typeof (value as unknown as PyProxy).destroy === 'function';
}

/** A proxy that is one, and alive: others throw when they are asked. */
function isAwaitable(value: unknown): boolean {
  try {
    return (
      typeof (value as PyProxy | null)?.destroy === 'function' &&
      typeof (value as PromiseLike<unknown>).then === 'function' &&
      typeof String(value) === 'string'
    );
  } catch {
    return false;
  }
}

import { World } from '../drivers/simulation/index.ts';
import { StateError, type TaskSource } from '../interface/index.ts';
import { policyInstalled } from '../loop/index.ts';
import { EventLoop, getEventLoopPolicy, setEventLoopPolicy } from '../runtime/index.ts';
import type { TaskBody } from './program.ts';

/** Thrown to the program in place of running it. It stays what importing its module fails with, also later. */
class NotRun extends StateError<'ERR_NOT_RUN'> {
  readonly main: TaskSource<unknown>;

  constructor(main: TaskSource<unknown>) {
    super('ERR_NOT_RUN', 'Cannot run the program: it was loaded to be run in a simulation');
    this.main = main;
  }
}

/** A loop on which nothing runs: it keeps what it was to run first. */
class KeepingLoop extends EventLoop {
  kept: NotRun | null = null;

  override createTask<T>(main: TaskSource<T>): never {
    this.kept ??= new NotRun(main);
    throw this.kept;
  }

  override callExceptionHandler(): void {
    // What goes wrong is what we have done to the program.
  }
}

/**
 * The main of a program as it is: what it gives to `run` when its module is loaded, to be run on a host instead. Whatever the
 * module does besides is done, and what follows on `await run(main)` in it is not.
 *
 *     const server = await mainOf(() => import('./server.ts'));
 *     simTest('the server answers', async (sim) => { sim.host('server', server); … });
 *
 * A module is loaded once, and all hosts share its variables; `import('./server.ts?2')` is another one. Until it is loaded,
 * nothing else in this thread may call `run`.
 *
 * @throws {StateError} it has called `run` with no function, or not at all (`ERR_NO_MAIN`)
 */
export async function mainOf(load: () => Promise<unknown>): Promise<() => TaskBody<unknown>> {
  const loop = new KeepingLoop(new World().addMachine('nowhere').boot());
  const policy = policyInstalled();
  let failure: unknown = null;
  setEventLoopPolicy(Object.create(getEventLoopPolicy(), { newEventLoop: { value: () => loop } }));
  try {
    await load();
  } catch (error) {
    failure = error;
  } finally {
    setEventLoopPolicy(policy);
    loop.close();
  }
  const kept = loop.kept ?? (failure instanceof NotRun ? failure : null);
  if (kept !== null && typeof kept.main === 'function') return kept.main;
  if (failure !== null && kept === null) throw failure;
  const why =
    kept === null ? 'it has not called run' : 'what it gives to run is no function, and is used once';
  throw new StateError('ERR_NO_MAIN', `Cannot take the main of the program: ${why}`);
}

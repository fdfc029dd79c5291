import { nodeHost } from '../../loop/index.ts';
import { run } from '../../runtime/index.ts';
import { type GlibLoopOptions, glibLoop } from './glib-loop.ts';
import { openLibglib } from './libglib.ts';

type Main<T> = Parameters<typeof run<T>>[0];

/**
 * As `run`, in GLib's main loop, which owns the thread from the host's next turn on until main has ended and everything is
 * cleaned up.
 *
 * @throws what `run` and `glibLoop` do
 */
export async function runGlib<T>(main: Main<T>, options: GlibLoopOptions = {}): Promise<T> {
  const glib = openLibglib();
  return await new Promise<T>((resolve, reject) => {
    // Not inside a promise reaction, in which no other would run.
    setImmediate(() => {
      const mainLoop = glib.g_main_loop_new(0, 0);
      let settle: (() => void) | null = null;
      const end = (outcome: () => void) => {
        settle = outcome;
        glib.g_main_loop_quit(mainLoop);
      };
      run(main, { loopFactory: () => glibLoop(options) }).then(
        (result) => end(() => resolve(result)),
        (error: unknown) => end(() => reject(error)),
      );
      nodeHost.drainMicrotasks?.();
      // It has ended already where it could not even begin: then nobody would ever quit.
      if (settle === null) glib.g_main_loop_run(mainLoop);
      glib.g_main_loop_unref(mainLoop);
      // Not before: who goes on from there would be inside of the main loop.
      (settle as (() => void) | null)?.();
    });
  });
}

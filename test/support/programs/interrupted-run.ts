// What SIGINT does to a run: for test/runtime/interrupt.test.ts. Its argument says what to run.
import { CancelledError, currentTask, getRunningLoop, InterruptedError, Runner, run, sleep } from 'tulipa';

const say = (text: string) => process.stdout.write(`${text}\n`);
const far = 3_600_000;
const interrupt = () => process.kill(process.pid, 'SIGINT');

/** Says how a run ended. */
async function tell(running: Promise<unknown>): Promise<void> {
  try {
    say(`result ${String(await running)}`);
  } catch (error) {
    const { name, code, signal } = error as InterruptedError;
    say(`${name} ${code}${signal === undefined ? '' : ` ${signal}`}`);
    if (error instanceof InterruptedError) say(`cause ${(error.cause as Error)?.name}`);
  }
}

const scenarios: Record<string, () => unknown> = {
  'a generator': () =>
    tell(
      run(function* () {
        try {
          say('ready');
          yield* sleep(far);
        } catch (error) {
          const { reason } = error as CancelledError;
          say(`caught ${(error as Error).name}, reason ${(reason as Error).name}`);
          throw error;
        } finally {
          yield* sleep(1);
          say('cleaned up');
        }
      }),
    ),

  'an async function': () =>
    tell(
      run(async () => {
        try {
          say('ready');
          await sleep(far);
        } finally {
          await sleep(1);
          say('cleaned up');
        }
      }),
    ),

  'a main that goes on': () =>
    tell(
      run(function* () {
        interrupt();
        try {
          yield* sleep(far);
        } catch (error) {
          if (!(error instanceof CancelledError)) throw error;
        }
        return 'of main';
      }),
    ),

  'a main that fails in its clean-up': () =>
    tell(
      run(function* () {
        interrupt();
        try {
          yield* sleep(far);
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what a failing clean-up does
          throw new RangeError('of the clean-up');
        }
      }),
    ),

  'two signals': () =>
    tell(
      run(function* () {
        interrupt();
        try {
          yield* sleep(far);
        } catch {
          say('first');
        }
        interrupt();
        yield* sleep(far);
        say('goes on');
      }),
    ),

  'another cancel as well': () =>
    tell(
      run(function* () {
        const main = currentTask();
        interrupt();
        try {
          yield* sleep(far);
        } catch (error) {
          main?.cancel('by somebody else');
          throw error;
        }
      }),
    ),

  'a cancel alone': () =>
    tell(
      run(function* () {
        const main = currentTask();
        getRunningLoop().callSoon(() => main?.cancel('by somebody else'));
        yield* sleep(far);
      }),
    ),

  'a handler of the loop': () =>
    tell(
      run(function* () {
        const loop = getRunningLoop();
        const seen = loop.createFuture<string>();
        loop.addSignalHandler('SIGINT', () => seen.setResult('handled'));
        const alive = loop.callLater(far, () => {});
        interrupt();
        const result = yield* seen;
        alive.cancel();
        return result;
      }),
    ),

  'a handler of another signal': () =>
    tell(
      run(function* () {
        const loop = getRunningLoop();
        loop.addSignalHandler('SIGHUP', () => say('SIGHUP'));
        process.kill(process.pid, 'SIGHUP');
        interrupt();
        yield* sleep(far);
      }),
    ),

  'a handler of the loop that was removed': () =>
    tell(
      run(function* () {
        const loop = getRunningLoop();
        loop.addSignalHandler('SIGINT', () => say('handled'));
        loop.removeSignalHandler('SIGINT');
        interrupt();
        yield* sleep(far);
      }),
    ),

  'a handler of the program from before': () => {
    const seen = new Promise<string>((resolve) => process.once('SIGINT', () => resolve('handled')));
    return tell(
      run(async () => {
        const alive = setInterval(() => {}, far);
        interrupt();
        const result = await seen;
        await sleep(5);
        clearInterval(alive);
        return result;
      }),
    );
  },

  'a handler of the program from within': () =>
    tell(
      run(async () => {
        const seen = new Promise<string>((resolve) => process.once('SIGINT', () => resolve('handled')));
        interrupt();
        await sleep(20);
        return await seen;
      }),
    ),

  'a future for main': async () => {
    const runner = new Runner();
    const loop = runner.getLoop();
    loop.callLater(5, interrupt);
    loop.callLater(far, () => {});
    await tell(runner.run(loop.createFuture<void>()));
    await runner.close();
  },

  'another run after it': async () => {
    const runner = new Runner();
    await tell(
      runner.run(function* () {
        interrupt();
        yield* sleep(far);
      }),
    );
    await tell(
      runner.run(function* () {
        yield* sleep(5);
        return 'second';
      }),
    );
    await tell(
      runner.run(function* () {
        interrupt();
        yield* sleep(far);
      }),
    );
    await runner.close();
  },

  'a signal after the run': async () => {
    await tell(
      run(function* () {
        yield;
        return 'of main';
      }),
    );
    say(`listeners ${process.listenerCount('SIGINT')}`);
    interrupt();
    setTimeout(() => say('goes on'), far);
  },

  'a signal during the shut-down': () =>
    tell(
      run(function* () {
        getRunningLoop().createTask(function* () {
          try {
            yield* sleep(far);
          } finally {
            say('shuts down');
            interrupt();
            yield* sleep(far);
          }
        });
        yield* sleep(1);
        return 'of main';
      }),
    ),
};

const scenario = scenarios[process.argv[2] ?? ''];
if (scenario === undefined) throw new RangeError(`Cannot run ${process.argv[2]}: no such scenario`);
await scenario();
say('end');

// How a program ends whose whole is `await run(main)`: for test/runtime/exit.test.ts. Its argument says what main does.
import { allTasks, createTask, getRunningLoop, isCancellation, run, sleep, wrapFuture } from 'tulipa';

const say = (text: string) => process.stdout.write(`${text}\n`);
const far = 3_600_000;
const never = new Promise<void>(() => {});

/** Waits, and says so, for what no cancellation can take away: it is the host's. */
async function stuck(): Promise<void> {
  say('ready');
  await never;
}

const mains: Record<string, () => Promise<unknown>> = {
  'waits until it is interrupted': async () => {
    try {
      say('ready');
      await sleep(far);
    } finally {
      say('cleaned up');
    }
  },

  fails: async () => {
    await sleep(1);
    throw new RangeError('of main');
  },

  'sets the exit code': async () => {
    process.exitCode = 3;
    await sleep(1);
  },

  'waits for a future that nobody settles': async () => {
    createTask(() => sleep(far), { name: 'sleeper' }).cancel();
    try {
      await createTask(() => getRunningLoop().createFuture<void>(), { name: 'waiter' });
    } catch (error) {
      say(`cancelled: ${isCancellation(error)}`);
      throw error;
    } finally {
      await sleep(1);
      say('cleaned up');
    }
  },

  'goes on where nothing could wake it': async () => {
    try {
      await wrapFuture(never);
    } catch {
      return 'result';
    }
    return 'woken';
  },

  'waits for a promise that nobody settles': stuck,

  'is stuck, and the process is kept alive by others': async () => {
    setInterval(() => {}, far);
    await stuck();
  },

  'leaves a stuck task behind': async () => {
    createTask(stuck, { name: 'culprit' });
    await sleep(1);
  },

  'leaves a stuck task behind, and the process is kept alive by others': async () => {
    const server = setInterval(() => {}, far);
    process.on('warning', () => clearInterval(server));
    createTask(stuck, { name: 'culprit' });
    await sleep(1);
    say(`tasks ${allTasks().size}`);
  },
};

const scenario = process.argv[2] ?? '';
const main = mains[scenario];
if (main === undefined) throw new RangeError(`Cannot run ${scenario}: no such main`);
const result = await run(main, scenario.includes('kept alive') ? { shutdownPatience: 1 } : {});
say(`end ${result}`);

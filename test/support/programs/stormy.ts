// Checked traffic, until there were many signals in the middle of it: for test/hostile/signals.test.ts. Tells that it has
// begun, and how many there were.
import { getRunningLoop, type RunnerKind, run } from 'tulipa';
import { runTraffic } from '../../contract/random-traffic.ts';

const [driver, runner, wanted] = process.argv.slice(2) as [string, RunnerKind, string];

await run(
  function* () {
    let signals = 0;
    getRunningLoop().addSignalHandler('SIGUSR2', () => signals++);
    // The storm first, then this: it must not meet a process that has no handler any more.
    const over = getRunningLoop().createFuture<void>();
    getRunningLoop().addSignalHandler('SIGTERM', () => over.setResult());
    process.stdout.write('ready\n');
    let rounds = 0;
    for (; signals < Number(wanted); rounds++) yield* runTraffic('TCP', 100 + rounds);
    process.stdout.write(`${JSON.stringify({ signals, rounds })}\n`);
    // A handler alone keeps nothing alive.
    const patience = getRunningLoop().callLater(60_000, () =>
      over.setException(new Error('nobody ended it')),
    );
    yield* over;
    patience.cancel();
  },
  { driver, runner },
);

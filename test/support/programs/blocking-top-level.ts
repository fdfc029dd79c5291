// A loop that owns the thread at the top level of a module, on the driver that is named by the argument: for
// test/contract/running-contract.ts.
import { getRunningLoop, newEventLoop, run, sleep } from 'tulipa';

const driver = process.argv[2];
const say = (text: string) => process.stdout.write(`${text}\n`);

const loop = newEventLoop({ driver });
say(
  loop.runUntilComplete(function* () {
    yield* sleep(1);
    return 'generator';
  }),
);
try {
  loop.runUntilComplete(async () => 'async');
} catch (error) {
  say((error as { code: string }).code);
}
loop.close();

say(
  await run(
    async () => {
      await sleep(1);
      await null;
      return getRunningLoop().driverName === driver ? 'awaited' : 'another driver';
    },
    { driver, runner: 'blocking' },
  ),
);

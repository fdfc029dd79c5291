// Catches a signal and then does not, or says why it cannot: for uv-signals.test.ts.
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { UvSignals } from '../../../src/drivers/uv/index.ts';
import { BlockedDriver } from './blocked-driver.ts';

const driver = new BlockedDriver();
const signals = new UvSignals(driver.loop);
try {
  let caught = false;
  const watch = signals.watch('SIGUSR2', () => {
    caught = true;
  });
  signals.raise('SIGUSR2');
  driver.blockUntil(() => caught);
  writeSync(1, 'caught\n');
  watch.cancel();
  signals.raise('SIGUSR2');
} catch (error) {
  parentPort?.postMessage((error as { code: string }).code);
}

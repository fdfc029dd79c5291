// Looks names up in a worker thread until all are found, or the thread is ended: for uv-names.test.ts.
import { parentPort } from 'node:worker_threads';
import { UvNames } from '../../../src/drivers/uv/index.ts';
import { BlockedDriver } from './blocked-driver.ts';

const until = process.argv[2];
const driver = new BlockedDriver();
const names = new UvNames(driver.loop);
let answers = 0;

function ask(): void {
  const answered = () => {
    answers++;
    if (until === 'at any time') ask();
  };
  names.lookup('localhost', 80, {}, { succeeded: answered, failed: answered });
}

for (let count = 0; count < 100; count++) ask();
if (until === 'at any time') parentPort?.postMessage('asked');
driver.blockUntil(() => until === 'when answered' && answers === 100);
driver.close();
parentPort?.postMessage(answers);

import { NodeDriver } from '../drivers/node/index.ts';
import type { DriverHost, StreamOperations } from '../interface/index.ts';

/** Passes on what comes as it comes: there is no loop to queue it in. */
const passingOn: DriverHost = {
  inTurn: false,
  dispatch: (callback, argument) => callback(argument),
  enqueue: (runnable) => void setImmediate(() => runnable.run()),
  callLater: (delay, callback) => {
    const timer = setTimeout(callback, delay).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  refsChanged() {},
  pollDescriptorChanged() {},
  report() {},
};

let driver: NodeDriver | null = null;

/** Streams by the host's loop alone, for where a loop offers none of its own. */
export function hostStreams(): StreamOperations {
  if (driver === null) {
    driver = new NodeDriver();
    driver.attach(passingOn);
  }
  return driver.streams;
}

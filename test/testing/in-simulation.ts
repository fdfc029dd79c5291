import type { TaskSource } from 'tulipa';
import { type Machine, World } from '../../src/drivers/simulation/index.ts';
import { newEventLoop } from '../../src/runtime/index.ts';

/** Runs it on a loop in virtual time, in one macrotask; ends, and says, with its outcome. */
export function inSimulation<T>(
  main: () => TaskSource<T>,
  around: (machine: Machine) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // Not from a promise reaction: there no other can be run.
    setImmediate(() => {
      const machine = new World().addMachine('a');
      const loop = newEventLoop({ driver: machine.boot() });
      const leave = around(machine);
      try {
        resolve(loop.runUntilComplete(main()));
      } catch (error) {
        reject(error);
      } finally {
        leave();
        loop.close();
      }
    });
  });
}

import { describe, it } from 'node:test';
import { type EventLoop, getRunningLoop, run, type Suspension } from 'tulipa';
import { installNet } from 'tulipa/adapters/node';
import { simulate } from 'tulipa/testing';
import { cellName, type DriverName, drivers } from './cell-names.ts';

export { cellName, type DriverName, drivers };

type Body = (loop: EventLoop) => Generator<Suspension, void, unknown> | PromiseLike<void>;

/** Declares one test, which runs on the loop of the cell. */
type Declare = (behaviour: string, body: Body) => void;

export interface RowOptions {
  /** in the simulation, `setTimeout` and its like are the loop's; for frameworks that leave no other way in */
  globals?: boolean;
  /** `installNet` for the time of a test; for packages without a hook */
  net?: boolean;
  /** where the framework does not work, and why, in a line */
  without?: Partial<Record<DriverName, string>>;
}

/** One row of the matrix: the tests of a framework, on each driver. */
export function row(framework: string, options: RowOptions, tests: (declare: Declare) => void): void {
  for (const driver of drivers) {
    const reason = options.without?.[driver];
    if (reason !== undefined) {
      describe(cellName(framework, driver), () => {
        it(reason, { skip: reason }, () => {});
      });
      continue;
    }
    describe(cellName(framework, driver), () => {
      tests((behaviour, body) => {
        it(behaviour, { timeout: 20_000 }, () => runOn(driver, options, body));
      });
    });
  }
}

async function runOn(driver: DriverName, { globals, net }: RowOptions, body: Body): Promise<void> {
  const main = () => body(getRunningLoop());
  const uninstall = net === true ? installNet() : null;
  try {
    if (driver === 'simulation') await simulate(main, { globals });
    else await run(main as () => PromiseLike<void>, { driver });
  } finally {
    uninstall?.();
  }
}

import process from 'node:process';
import { prescribed } from './deviations.ts';
import { type ExploreOptions, explore } from './explore.ts';
import { replayCommand, requestedReplay } from './replay.ts';
import { encodeReplay } from './replay-token.ts';
import { type Scenario, type SimulationOptions, simulate } from './simulate.ts';
import { foundTest, type TestFunction, type TestSettings } from './test-function.ts';
import { Trace } from './trace.ts';
import { keepTrace, traceFile } from './write-trace.ts';

export interface SimTestOptions
  extends SimulationOptions,
    Pick<ExploreOptions, 'seeds' | 'exhaustive' | 'faults' | 'shrink' | 'sameFailure'> {
  /** of who runs the tests: `test`; vitest's where that runs this, else that of node:test, unless given */
  test?: TestFunction | undefined;
  /** for who runs the tests */
  skip?: boolean | undefined;
  only?: boolean | undefined;
  todo?: boolean | undefined;
  /** for who runs the tests: of real time, in milliseconds, between two runs of the scenario only */
  timeout?: number | undefined;
}

/**
 * A test that is a simulation: one run of the scenario, or, with `seeds`, `exhaustive` or `faults`, as many as `explore`
 * makes of it.
 *
 * When it fails, the command is printed that has it fail so again; and with `TULIPA_SEED` in the environment, as in that
 * command, that one course is run and nothing else.
 *
 * @returns what the test function does
 */
export function simTest(name: string, scenario: Scenario<unknown>): unknown;
export function simTest(name: string, options: SimTestOptions, scenario: Scenario<unknown>): unknown;
export function simTest(
  name: string,
  ...rest: [scenario: Scenario<unknown>] | [options: SimTestOptions, scenario: Scenario<unknown>]
): unknown {
  const [options, scenario] = rest.length === 1 ? [{}, rest[0]] : rest;
  if (typeof name !== 'string') throw new TypeError('Cannot make the test: its name is not a string');
  if (typeof scenario !== 'function')
    throw new TypeError(`Cannot make the test '${name}': its scenario is not a function`);
  const { test = foundTest(), skip, only, todo, timeout, ...how } = options;
  const settings: TestSettings = {
    ...(skip === undefined ? {} : { skip }),
    ...(only === undefined ? {} : { only }),
    ...(todo === undefined ? {} : { todo }),
    ...(timeout === undefined ? {} : { timeout }),
  };
  return test(name, settings, async (context) => {
    const { seeds, exhaustive, faults } = how;
    const many = seeds !== undefined || (exhaustive ?? false) !== false || faults !== undefined;
    if (many) await explore({ ...how, name, scenario });
    else await runOnce(name, how, scenario, context);
  });
}

async function runOnce(
  name: string,
  options: SimulationOptions,
  scenario: Scenario<unknown>,
  context: unknown,
): Promise<void> {
  const asked = requestedReplay();
  const replay = asked ?? { seed: options.seed ?? 0, prescriptions: null };
  const { seed, prescriptions } = replay;
  const overruling = prescriptions === null ? options.overruling : prescribed(prescriptions);
  const own = options.trace instanceof Trace ? options.trace : new Trace();
  const trace = traceFile() === null ? null : own;
  const traced = trace === null ? {} : { trace };
  const keep = (failure: { readonly error: unknown } | null) => {
    if (trace !== null) keepTrace(trace, `${name}, seed ${seed}`, failure);
  };
  try {
    await simulate(scenario, { ...options, ...traced, seed, overruling });
    if (asked !== null) keep(null);
  } catch (error) {
    keep({ error });
    const token = encodeReplay(replay);
    tell(context, `Failed with seed ${seed}. Again: ${replayCommand(name, token)}`);
    throw error;
  }
}

/** To whoever runs the test, where he takes it. */
function tell(context: unknown, text: string): void {
  const { diagnostic } = (context ?? {}) as { diagnostic?: unknown };
  if (typeof diagnostic === 'function') diagnostic.call(context, text);
  else process.stderr.write(`${text}\n`);
}

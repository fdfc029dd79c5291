/** Simulations in both spellings. */
import { it } from 'node:test';
import { type Simulation, type SimulationOptions, simulate, type TaskBody } from '../../src/testing/index.ts';
import { asyncFunction, generator, type Script, Spelled } from '../coroutines/spellings.ts';

/** What a host does, in the spelling of the test. */
export type Main = <T>(script: () => Script<T>) => () => TaskBody<T>;

/** Runs a scenario, a script as in `spellings.ts`, in both spellings. */
export function scenario(
  name: string,
  body: (sim: Simulation, main: Main, spelled: Spelled) => Script<unknown>,
  options?: SimulationOptions,
): void {
  for (const spelling of [generator, asyncFunction]) {
    it(`${name} [${spelling.name}]`, async () => {
      const spelled = new Spelled(spelling);
      const main: Main = (script) => spelling.source(script);
      await simulate((sim) => spelling.source(() => body(sim, main, spelled))(), options);
    });
  }
}

/** What a simulation rejects with. */
export async function failureOf(
  body: (sim: Simulation) => TaskBody<unknown>,
  options?: SimulationOptions,
): Promise<unknown> {
  let result: unknown;
  try {
    result = await simulate(body, options);
  } catch (error) {
    return error;
  }
  throw new Error(`The simulation ended well, with ${String(result)}`);
}

import type { Outcome, Runtime } from './outcome.ts';

export interface SuiteRun {
  /** an absolute path */
  checkout: string;
  runtime: Runtime;
  /** whether this one of the suite's files is asked for */
  wants(file: string): boolean;
}

/** Runs somebody's own tests by their own runner. */
export type Suite = (run: SuiteRun) => Promise<Outcome[]>;

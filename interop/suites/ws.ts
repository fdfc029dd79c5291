import { globSync } from 'node:fs';
import { runMocha } from './mocha.ts';
import type { SuiteRun } from './suite.ts';

/** `npm test` of ws: mocha on `test/*.test.js`. */
export function wsSuite(run: SuiteRun) {
  const files = globSync('test/*.test.js', { cwd: run.checkout }).filter(run.wants).sort();
  return runMocha(run, { args: ['--throw-deprecation'], files });
}

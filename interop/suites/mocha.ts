import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Outcome } from './outcome.ts';
import { fileHere, runProgram } from './program.ts';
import type { SuiteRun } from './suite.ts';

interface MochaOptions {
  /** of mocha; the files are added */
  args: readonly string[];
  files: readonly string[];
  env?: Readonly<Record<string, string | undefined>>;
}

/** How long all tests together may take, in milliseconds. */
const timeout = 600_000;

/** Runs the checkout's own mocha; a process that ends early is one failure more. */
export async function runMocha({ checkout, runtime }: SuiteRun, options: MochaOptions): Promise<Outcome[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulipa-suite-'));
  const report = path.join(folder, 'outcomes');
  try {
    const mocha = ['node_modules/mocha/bin/_mocha', '--reporter', fileHere('mocha-reporter.cjs'), '--exit'];
    const ended = await runProgram(runtime, [...mocha, ...options.args, ...options.files], {
      cwd: checkout,
      env: { ...options.env, TULIPA_SUITE_REPORT: report },
      timeout,
    });
    const outcomes = readOutcomes(report);
    const failed = outcomes.filter(({ result }) => result === 'failed').length;
    const asItShould = outcomes.length > 0 && ended.status === Math.min(failed, 255);
    if (asItShould) return outcomes;
    const words = `mocha ended with ${ended.timedOut ? 'no answer in time' : ended.status}\n${ended.stderr}`;
    return [...outcomes, { name: 'mocha itself', result: 'failed', words }];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readOutcomes(report: string): Outcome[] {
  let text: string;
  try {
    text = readFileSync(report, 'utf8');
  } catch {
    // It has not come so far.
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Outcome);
}

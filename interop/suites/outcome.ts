/** What came out of one test: of a file, where the suite's tests are files, else of what its runner calls a test. */
export interface Outcome {
  /** the same in every run */
  name: string;
  /** 'missing': the control run has it, and this one has not come to it */
  result: 'passed' | 'failed' | 'skipped' | 'missing';
  /** what it said when it failed */
  words?: string;
}

/** Who runs the loop: nobody, as a control, or one of our drivers. */
export type Runtime = 'plain' | 'epoll' | 'node';

export const runtimes: readonly Runtime[] = ['plain', 'epoll', 'node'];

/** How often each result is among them. */
export function countsOf(outcomes: readonly Outcome[]): Record<Outcome['result'], number> {
  const counts = { passed: 0, failed: 0, skipped: 0, missing: 0 };
  for (const { result } of outcomes) counts[result]++;
  return counts;
}

/** What the control run does not have: failures of what passes there, or is not there; and what was not run here. */
export function differences(control: readonly Outcome[], outcomes: readonly Outcome[]): Outcome[] {
  const there = new Map(control.map(({ name, result }) => [name, result]));
  const here = new Set(outcomes.map(({ name }) => name));
  const others = outcomes.filter(({ name, result }) =>
    there.has(name) ? there.get(name) === 'passed' && result !== 'passed' : result === 'failed',
  );
  const missing = control.filter(({ name, result }) => result === 'passed' && !here.has(name));
  return [...others, ...missing.map(({ name }) => ({ name, result: 'missing' as const }))];
}

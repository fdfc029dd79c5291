import { cellOf } from './cell-names.ts';
import type { Cell } from './matrix.ts';

interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name: string;
    readonly nesting: number;
    readonly file?: string;
    readonly skip?: string | boolean;
    readonly details?: { readonly type?: string };
  };
}

/** A reporter for node:test that counts what has come out in each cell of the matrix. Tests come before their suite. */
export default async function* matrixReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const cells: Cell[] = [];
  const counts = new Map<string | undefined, { passed: number; failed: number; reason: string | null }>();
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, nesting, file, skip } = data;
    const count = counts.get(file) ?? { passed: 0, failed: 0, reason: null };
    counts.set(file, count);
    if (nesting > 0) {
      if (data.details?.type === 'suite') continue;
      if (typeof skip === 'string') count.reason = skip;
      else if (type === 'test:pass') count.passed++;
      else count.failed++;
      continue;
    }
    counts.delete(file);
    const cell = cellOf(name);
    if (cell === null) continue;
    const absent = count.reason?.endsWith('is not installed here') === true;
    cells.push({ ...cell, ...count, absent });
  }
  yield JSON.stringify(cells);
}

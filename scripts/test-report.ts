/**
 * What a run of the suite is to be judged by, besides its failures: which tests were skipped, and why, and which files
 * took longest. A reporter for `node --test`, beside the one that prints each test.
 */
import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const slowestCount = 12;

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const skipped = new Map<string, string[]>();
  const files: { name: string; milliseconds: number }[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:complete') {
      // The runner counts a file as a test, whose name is its path.
      if (data.nesting === 0 && data.file !== undefined && resolve(data.name) === data.file)
        files.push({ name: relative('', data.file), milliseconds: data.details.duration_ms });
    } else if (type === 'test:pass' && data.skip !== undefined && data.skip !== false) {
      const why = data.skip === true || data.skip === '' ? 'no reason is given' : data.skip;
      const place = `${relative('', data.file ?? '')}:${data.line ?? 0}`;
      skipped.set(why, [...(skipped.get(why) ?? []), `${data.name} (${place})`]);
    }
  }

  yield '\nThe slowest files:\n';
  for (const { name, milliseconds } of files.toSorted(bySlowness).slice(0, slowestCount))
    yield `${(milliseconds / 1000).toFixed(1).padStart(7)} s  ${name}\n`;
  yield skipped.size === 0 ? 'No test was skipped.\n' : 'Skipped:\n';
  for (const [why, names] of skipped) {
    yield `  ${why}\n`;
    for (const name of names) yield `    ${name}\n`;
  }
}

function bySlowness(one: { milliseconds: number }, other: { milliseconds: number }): number {
  return other.milliseconds - one.milliseconds;
}

/**
 * Runs the test-suite of a framework, as its repository has it, by its own runner: once on plain Node, as a control, and once on
 * each driver of ours.
 *
 *     npm run test:suites -- NAME CHECKOUT            everything
 *     npm run test:suites -- NAME CHECKOUT WORD…      only files whose path has one of these words
 *     TULIPA_SUITE_DRIVER=epoll npm run …             beside the control only this one
 *
 * CHECKOUT is a clone of the repository, with its own dependencies installed. What passes on plain Node and not on the loop is
 * listed, with what it said, and makes the run fail.
 */
import path from 'node:path';
import { ioredisSuite } from './ioredis.ts';
import { nodeSuite } from './node.ts';
import { countsOf, differences, type Outcome, runtimes } from './outcome.ts';
import { pgSuite } from './pg.ts';
import { rxjsSuite } from './rxjs.ts';
import type { Suite } from './suite.ts';
import { wsSuite } from './ws.ts';

const suites: Readonly<Record<string, Suite>> = {
  'node-net': nodeSuite('drop-in', 'test-net-*.{js,mjs}'),
  'node-http': nodeSuite('shim', 'test-http-*.{js,mjs}'),
  ioredis: ioredisSuite,
  pg: pgSuite,
  rxjs: rxjsSuite,
  ws: wsSuite,
};

const [name = '', checkout, ...words] = process.argv.slice(2);
const suite = suites[name];
if (suite === undefined || checkout === undefined) {
  console.error(`Usage: npm run test:suites -- (${Object.keys(suites).join(' | ')}) CHECKOUT [WORD…]`);
  process.exit(2);
}
const wanted = process.env['TULIPA_SUITE_DRIVER'];
let control: Outcome[] | null = null;
for (const runtime of runtimes) {
  if (control !== null && wanted !== undefined && wanted !== runtime) continue;
  const outcomes = await suite({
    checkout: path.resolve(checkout),
    runtime,
    wants: (file) => words.length === 0 || words.some((word) => file.includes(word)),
  });
  const { passed, failed, skipped } = countsOf(outcomes);
  console.log(`${name} on ${runtime}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (control === null) {
    control = outcomes;
    for (const { name, result } of outcomes)
      if (result === 'failed') console.log(`  fails on plain Node: ${name}`);
    continue;
  }
  const differing = differences(control, outcomes);
  for (const { name, result, words = '' } of differing) {
    console.log(`  ${result}: ${name}`);
    console.log(words.trim().replace(/^/gm, '    '));
  }
  if (differing.length > 0) process.exitCode = 1;
}

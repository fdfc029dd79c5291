import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { runToEnd } from '../support/run-to-end.ts';

const end = 'end of the program';

/** Scenarios of test/support/programs/guest-loop.ts: what they print, and how the process ends. */
const scenarios: readonly [scenario: string, lines: string[], code: number, stderr: RegExp][] = [
  ['a timer of which unref was taken back', ['fired', end, 'exit'], 0, /^$/],
  ['callbacks that queue callbacks', ['all called', end, 'exit'], 0, /^$/],
  ['a promise of the host', ['resolved', end, 'exit'], 0, /^$/],
  ['a runner between its runs', ['between', end, 'exit'], 0, /^$/],
  ['timers left behind', ['main is done', end, 'exit'], 0, /^$/],
  ['an unref’d timer', ['waits', 'exit'], 1, /ERR_DEADLOCK/],
  ['nothing', ['waits', 'exit'], 1, /ERR_DEADLOCK/],
  ['a tick that throws while I/O is under way', ['exit'], 1, /Error: thrown by a tick/],
  ['a promise that is rejected for nobody', ['exit'], 1, /Error: rejected for nobody/],
  ['process.exit in a callback', ['exit'], 7, /^$/],
];

for (const kind of realKinds) {
  // test/runtime/process.test.ts: of the node driver, with more of them
  if (kind.driver === 'node' || kind.blocks) continue;
  describe(`the process of a ${kind} loop that is a guest`, { concurrency: 2 }, () => {
    for (const [scenario, lines, expected, error] of scenarios) {
      it(`ends as Node would end it: ${scenario}`, async () => {
        const { stdout, stderr, code, signal } = await runToEnd(
          'test/support/programs/guest-loop.ts',
          [scenario],
          { env: { TULIPA_LOOP: kind.driver, TULIPA_RUNNER: 'guest' } },
        );
        assert.deepEqual(stdout.trimEnd().split('\n'), lines, stderr);
        assert.deepEqual([code, signal], [expected, null], stderr);
        assert.match(stderr, error);
      });
    }
  });
}

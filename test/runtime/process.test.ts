import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runToEnd } from '../support/run-to-end.ts';

const run = (scenario: string) => runToEnd('test/support/programs/guest-loop.ts', [scenario]);

/** Runs the scenario and expects just this output, and that code. */
function ends(name: string, scenario: string, lines: string[], expected = 0): void {
  it(name, async () => {
    const { stdout, stderr, code, signal } = await run(scenario);
    assert.deepEqual(stdout.trimEnd().split('\n'), [...lines, 'exit'], stderr);
    assert.deepEqual([code, signal], [expected, null], stderr);
  });
}

describe('the process of a loop that is a guest', () => {
  describe('is kept alive', { concurrency: 4 }, () => {
    const again = 'a timer of which unref was taken back';
    const end = 'end of the program';
    ends('by a pending timer', 'a timer', ['fired', end]);
    ends('by a timer of which unref was taken back', again, ['fired', end]);
    ends('by what is queued', 'callbacks that queue callbacks', ['all called', end]);
    ends('by the host’s own work', 'a promise of the host', ['resolved', end]);
    ends('by a run, also if nobody waits for it', 'a run called by nobody who waits', [end, 'done']);
  });

  describe('is not kept alive', { concurrency: 4 }, () => {
    const end = 'end of the program';
    for (const [by, scenario, line] of [
      ['an unref’d timer', 'an unref’d timer', 'waits'],
      ['a cancelled timer', 'a cancelled timer', 'waits'],
      ['a timer once it is cancelled', 'a timer cancelled later', 'waits'],
      ['an unref’d repeating timer', 'an unref’d repeating timer', 'ticked'],
      ['a future that nobody can settle (B-T13-001)', 'nothing', 'waits'],
    ] as const) {
      it(`by ${by}: main is cancelled, and the run fails`, async () => {
        const { stdout, stderr, code, signal } = await run(scenario);
        assert.equal(stdout, `${line}\nexit\n`);
        assert.equal(
          stderr.match(/^StateError: Cannot finish main: nothing is left that could wake it/gm)?.length,
          1,
          stderr,
        );
        assert.match(stderr, /ERR_DEADLOCK/);
        assert.deepEqual([code, signal], [1, null]);
      });
    }
    ends('by timers that a run has left behind', 'timers left behind', ['main is done', end]);
    ends('by a loop that nobody runs', 'a loop that nobody runs', [end]);
    ends('by a runner between its runs', 'a runner between its runs', ['between', end]);
  });

  describe('ends as Node would end it', { concurrency: 4 }, () => {
    for (const [scenario, message] of [
      ['a tick that throws', /Error: thrown by a tick/],
      ['a tick that throws in a microtask of an async task', /Error: thrown by a tick/],
      ['a tick that throws while I/O is under way', /Error: thrown by a tick/],
      ['a promise that is rejected for nobody', /Error: rejected for nobody/],
      ['a failing main for nobody', /Error: of main/],
    ] as const) {
      it(`after ${scenario}`, async () => {
        const { stdout, stderr, code, signal } = await run(scenario);
        assert.match(stderr, message);
        assert.deepEqual([code, signal], [1, null], stderr);
        assert.match(stdout, /^exit$/m);
      });
    }

    it('by process.exit in a callback', async () => {
      const { stdout, code } = await run('process.exit in a callback');
      assert.deepEqual([stdout, code], ['exit\n', 7]);
    });
  });

  it('goes on after ticks that throw if somebody listens, and so does the loop', async () => {
    const { stdout, stderr, code } = await run('ticks that throw, and a listener');
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(lines.slice(-3), ['main is done', 'end of the program', 'exit'], stderr);
    assert.deepEqual(
      lines.slice(0, -3).sort(),
      ['later 0', 'later 1', 'later 2', 'soon 0', 'soon 1', 'soon 2'].map((text) => `uncaught: ${text}`),
    );
    assert.equal(code, 0);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostStandsStill, type LoopKind, realKinds } from '../contract/kinds.ts';
import { type EndedProgram, runToEnd } from '../support/run-to-end.ts';

/** Runs the scenario; the one in which the program says `ready` gets its signal from here. */
function run(kind: LoopKind, scenario: string): Promise<EndedProgram> {
  const { driver, runner } = kind;
  return runToEnd('test/support/programs/interrupted-run.ts', [scenario], {
    env: { TULIPA_LOOP: driver, TULIPA_RUNNER: runner },
    onOutput: (text, kill) => {
      if (text.includes('ready')) kill('SIGINT');
    },
  });
}

const interrupted = ['InterruptedError ERR_INTERRUPTED SIGINT', 'cause CancelledError'];

const windows =
  process.platform === 'win32' ? 'this system ends a process that gets SIGINT from another' : false;

for (const kind of realKinds) {
  function ends(name: string, scenario: string, ...lines: string[]): void {
    const host = kind.blocks && scenario.startsWith('a handler of the program') && hostStandsStill;
    it(name, { skip: host }, async () => {
      const { stdout, stderr, code, signal } = await run(kind, scenario);
      assert.deepEqual(stdout.trimEnd().split('\n'), [...lines, 'end'], stderr);
      assert.deepEqual([code, signal, stderr], [0, null, '']);
    });
  }

  /** Expects the process to be ended by the signal's default action. */
  function dies(name: string, scenario: string, ...lines: string[]): void {
    it(name, async () => {
      const { stdout, stderr, code, signal } = await run(kind, scenario);
      assert.deepEqual(stdout.trimEnd().split('\n'), lines, stderr);
      assert.deepEqual([code, signal, stderr], [null, 'SIGINT', '']);
    });
  }

  describe(`SIGINT during a run on the ${kind} loop`, { concurrency: 4, skip: windows }, () => {
    ends(
      'cancels main, which cleans up, and becomes an InterruptedError (B-RUN-012, B-EV-008)',
      'a generator',
      'ready',
      'caught CancelledError, reason InterruptedError',
      'cleaned up',
      ...interrupted,
    );
    ends(
      'does so to an async function too (B-RUN-012)',
      'an async function',
      'ready',
      'cleaned up',
      ...interrupted,
    );
    ends('does so to a future (B-RUN-012)', 'a future for main', ...interrupted);
    ends(
      'leaves the result of a main that goes on as it is (B-RUN-012)',
      'a main that goes on',
      'result of main',
    );
    ends(
      'leaves the error of a main that fails in its clean-up as it is (B-RUN-012)',
      'a main that fails in its clean-up',
      'RangeError undefined',
    );
    dies('ends the process the second time (B-RUN-012)', 'two signals', 'first');
    ends(
      'is no InterruptedError if main was also cancelled by somebody else (B-RUN-013)',
      'another cancel as well',
      'CancelledError ERR_CANCELLED',
    );
    ends(
      'is not what any other cancel is taken for (B-RUN-013)',
      'a cancel alone',
      'CancelledError ERR_CANCELLED',
    );
    ends(
      'goes to a handler of the loop, if there is one (B-RUN-014)',
      'a handler of the loop',
      'result handled',
    );
    ends(
      'is not disturbed by a handler of another signal (B-UV-011)',
      'a handler of another signal',
      'SIGHUP',
      ...interrupted,
    );
    ends(
      'cancels main again once the loop’s handler was removed (B-RUN-014)',
      'a handler of the loop that was removed',
      ...interrupted,
    );
    ends(
      'is left to a handler that the program had before (B-RUN-014)',
      'a handler of the program from before',
      'result handled',
    );
    ends(
      'lets the next run of a runner go on, and interrupts that too (B-RUN-012, B-LOOP-012)',
      'another run after it',
      ...interrupted,
      'result second',
      ...interrupted,
    );
    dies(
      'has its default action again after the run (B-RUN-012)',
      'a signal after the run',
      'result of main',
      'listeners 0',
    );
    dies('has its default action while the run is shut down', 'a signal during the shut-down', 'shuts down');

    it('is left to a handler that the program adds during the run (B-RUN-014)', {
      skip: kind.blocks && hostStandsStill,
    }, async () => {
      const { stdout } = await run(kind, 'a handler of the program from within');
      assert.equal(stdout, 'result handled\nend\n');
    });
  });
}

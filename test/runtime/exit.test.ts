import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runToEnd } from '../support/run-to-end.ts';

/** Runs the main; `ready` on its standard output is answered by SIGINT, and so is the first warning, if so wished. */
function run(main: string, interrupt = false) {
  return runToEnd('test/support/programs/ending-run.ts', [main], {
    onOutput: (text, kill) => {
      if (interrupt && text.includes('ready')) kill('SIGINT');
    },
  });
}

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

const windows =
  process.platform === 'win32' ? 'this system ends a process that gets SIGINT from another' : false;

describe('a program that is `await run(main)`', { concurrency: 4 }, () => {
  it('is ended by SIGINT itself, without a word, once main has cleaned up (B-RUN-012)', {
    skip: windows,
  }, async () => {
    const { stdout, stderr, code, signal } = await run('waits until it is interrupted', true);
    assert.deepEqual([code, signal, stderr], [null, 'SIGINT', '']);
    assert.equal(stdout, 'ready\ncleaned up\n');
  });

  it('ends with code 1 and one stack when main fails (B-RUN-001)', async () => {
    const { stdout, stderr, code, signal } = await run('fails');
    assert.deepEqual([code, signal, stdout], [1, null, '']);
    assert.equal(count(stderr, /RangeError: of main/g), 1, stderr);
    assert.equal(count(stderr, /at fails /g), 1, stderr);
  });

  it('keeps the exit code that main has set', async () => {
    const { stdout, stderr, code } = await run('sets the exit code');
    assert.deepEqual([stdout, stderr, code], ['end undefined\n', '', 3]);
  });

  it('fails when nothing could wake main, which is cancelled and cleans up (B-T13-001)', async () => {
    const { stdout, stderr, code, signal } = await run('waits for a future that nobody settles');
    assert.deepEqual([code, signal], [1, null], stderr);
    assert.equal(stdout, 'cancelled: true\ncleaned up\n');
    assert.match(stderr, /Cannot finish main: nothing is left that could wake it/);
    assert.match(stderr, /waiter.*waits for future/);
    assert.match(stderr, /ERR_DEADLOCK/);
  });

  it('has the result of a main that goes on after that', async () => {
    const { stdout, stderr, code } = await run('goes on where nothing could wake it');
    assert.deepEqual([stdout, code], ['end result\n', 0], stderr);
  });

  it('fails also when main waits for a promise that cannot be cancelled (B-T13-001)', async () => {
    const { stderr, code, signal } = await run('waits for a promise that nobody settles');
    assert.deepEqual([code, signal], [1, null], stderr);
    assert.equal(count(stderr, /StateError: Cannot finish main/g), 1, stderr);
    assert.equal(count(stderr, /Cannot end these tasks/g), 0, stderr);
  });

  it('tells which tasks it waits for after an interrupt, and dies of the second one', {
    skip: windows,
  }, async () => {
    const { stderr, code, signal } = await runToEnd(
      'test/support/programs/ending-run.ts',
      ['is stuck, and the process is kept alive by others'],
      {
        onOutput: (text, kill) => {
          if (text.includes('ready')) kill('SIGINT');
        },
        onError: (text, kill) => {
          if (text.includes('has not ended yet')) kill('SIGINT');
        },
      },
    );
    assert.deepEqual([code, signal], [null, 'SIGINT'], stderr);
    assert.equal(count(stderr, /RunWarning: The run was interrupted and has not ended yet/g), 1, stderr);
    assert.match(stderr, /Task-\d+ \(is stuck, and/);
  });

  it('reports tasks that are stuck after main is done, and ends all the same', async () => {
    const { stdout, stderr, code } = await run('leaves a stuck task behind');
    assert.deepEqual([stdout, code], ['ready\nend undefined\n', 0], stderr);
    assert.equal(count(stderr, /Cannot end these tasks/g), 1, stderr);
    assert.match(stderr, /culprit/);
  });

  it('warns of these, once, while others keep the process alive', async () => {
    const { stdout, stderr, code } = await run(
      'leaves a stuck task behind, and the process is kept alive by others',
    );
    assert.deepEqual([stdout, code], ['ready\ntasks 2\nend undefined\n', 0], stderr);
    assert.equal(count(stderr, /RunWarning: The run has not ended yet/g), 1, stderr);
    assert.match(stderr, /culprit/);
  });
});

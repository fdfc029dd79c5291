import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startWatchdog } from '../../src/debug/index.ts';
import { nameLengthMax, SharedState } from '../../src/debug/watchdog-memory.ts';
import { type EventLoop, getRunningLoop, run, StateError } from '../../src/index.ts';
import { RunningProgram } from '../cli/running-program.ts';

const TARGET = 'test/support/programs/debugged.ts';

interface Target {
  readonly program: RunningProgram;
  /** ends the computing that holds up its loop */
  release(): void;
}

function start(test: TestContext, scenario: string): Target {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-watchdog-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'go on');
  return {
    program: new RunningProgram(test, TARGET, [scenario, file]),
    release: () => writeFileSync(file, ''),
  };
}

describe('the watchdog', { timeout: 60_000 }, () => {
  it('tells of a blocked loop while it is blocked: by whom, where, and later for how long', async (test) => {
    const { program, release } = start(test, 'a watched loop');
    await program.says(/watchdog: the loop is blocked for \d+ ms by task \d+ culprit \(busy\)\n/);
    await program.says(/watchdog: {5}at compute \(\S*debugged\.[jt]s:\d+:\d+\)\n/);
    await program.says(/watchdog: {5}at busy \(\S*debugged\.[jt]s:\d+:\d+\)\n/);
    release();
    await program.says(/watchdog: the loop goes on, after \d+ ms\n/);
    program.kill('SIGTERM');
    const { stdout, stderr } = await program.end();
    assert.match(stdout, /end\n$/);
    assert.equal(stderr.match(/is blocked/g)?.length, stderr.match(/goes on/g)?.length);
  });

  it('tells of the method of a protocol', async (test) => {
    const { program, release } = start(test, 'a watched loop and a busy protocol');
    await program.says(/the loop is blocked for \d+ ms by BusyProtocol\.dataReceived\n/);
    release();
    await program.says(/the loop goes on/);
    program.kill('SIGTERM');
    await program.end();
  });

  it('tells of what blocks the thread outside the loop too', async (test) => {
    const { program, release } = start(test, 'a watched loop and a busy host');
    await program.says(/the loop is blocked for \d+ ms by something outside its callbacks/);
    await program.says(/ at hostWork \(/);
    release();
    await program.says(/the loop goes on/);
    program.kill('SIGTERM');
    await program.end();
  });

  it('says nothing of a loop that has nothing to do, and keeps no process alive', async (test) => {
    const { program } = start(test, 'a watched loop that is left');
    const { code, stdout, stderr } = await program.end();
    assert.deepEqual([code, stdout, stderr], [0, 'end\n', '']);
  });

  it('can be stopped, and then looks at nothing any more', () =>
    run(function* () {
      const loop = getRunningLoop() as EventLoop & { observer: unknown };
      const first = startWatchdog();
      const second = startWatchdog({ threshold: 500, stack: false });
      assert.notEqual(loop.observer, null);
      first.stop();
      first.stop();
      assert.notEqual(loop.observer, null);
      second[Symbol.dispose]();
      assert.equal(loop.observer, null);
      yield;
    }));

  it('takes only a threshold that is one, and a loop of ours', () => {
    assert.throws(() => startWatchdog(), StateError);
    return run(function* () {
      for (const threshold of [0, -1, Number.NaN, Infinity]) {
        assert.throws(() => startWatchdog({ threshold }), RangeError);
      }
      assert.throws(() => startWatchdog({ threshold: '5' as never }), TypeError);
      assert.throws(() => startWatchdog({ loop: {} as EventLoop }), { code: 'ERR_NOT_SUPPORTED' });
      yield;
    });
  });
});

describe('the memory that a watchdog shares', () => {
  it('has a pulse that moves with every sign of life', () => {
    const state = new SharedState();
    const watched = new SharedState(state.memory);
    const pulses = [watched.pulse];
    for (const sign of ['begin', 'end', 'beat'] as const) {
      state[sign]();
      pulses.push(watched.pulse);
      assert.equal(watched.inCallback, sign === 'begin');
    }
    assert.equal(new Set(pulses).size, 4);
  });

  it('holds the name of what runs, cut where it is too long', () => {
    const state = new SharedState();
    const watched = new SharedState(state.memory);
    assert.equal(watched.name, '');
    for (const name of ['task 1 main', 'é…𝒳', '']) {
      state.name = name;
      assert.equal(watched.name, name);
    }
    state.name = 'x'.repeat(10_000);
    assert.equal(watched.name, 'x'.repeat(nameLengthMax));
  });
});

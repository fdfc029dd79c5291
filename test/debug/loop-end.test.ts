import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { observer } from '../../src/coroutines/observer.ts';
import {
  type DebugSocket,
  serveDebug,
  startTrace,
  startWatchdog,
  type Trace,
} from '../../src/debug/index.ts';
import { type EventLoop, getRunningLoop, newEventLoop, run, StateError } from '../../src/index.ts';
import { RunningProgram } from '../cli/running-program.ts';

const TARGET = 'test/support/programs/debugged.ts';

function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-end-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Closes a loop that has never run. */
function closedLoop(): EventLoop {
  const loop = newEventLoop();
  loop.close();
  return loop;
}

describe('what looks at a loop ends with it', { timeout: 60_000 }, () => {
  it('as the watchdog does, and the trace, which keeps what it has seen', async () => {
    let trace: Trace | null = null;
    let loop: (EventLoop & { observer?: unknown }) | null = null;
    await run(function* () {
      loop = getRunningLoop();
      trace = startTrace();
      startWatchdog();
      yield;
      assert.notEqual(observer, null);
    });
    assert.equal((loop as unknown as { observer: unknown }).observer, null);
    assert.equal(observer, null);
    const { traceEvents } = (trace as unknown as Trace).stop();
    assert.ok(traceEvents.some(({ cat, ph }) => cat === 'step' && ph === 'X'));
    assert.ok(
      traceEvents.some(({ name }) => name === 'shutdown'),
      'to the very end',
    );
    const begun = traceEvents.filter(({ ph }) => ph === 'b').length;
    assert.equal(traceEvents.filter(({ ph }) => ph === 'e').length, begun);
  });

  it('as the debug socket does, with those who are connected and its file', async (test) => {
    const folder = temporaryFolder(test);
    const [socket, connection] = await run(async () => {
      const opened = await serveDebug(getRunningLoop(), { folder });
      const waiting = connect(opened.path);
      await once(waiting, 'connect');
      assert.equal(existsSync(opened.path), true);
      return [opened, waiting] as const;
    });
    assert.equal(existsSync(socket.path), false);
    if (!connection.closed) await once(connection, 'close');
    socket.close();
  });

  it('as a socket does that is being opened meanwhile', async (test) => {
    const folder = temporaryFolder(test);
    const loop = newEventLoop();
    const opening: Promise<DebugSocket> = serveDebug(loop, { folder });
    loop.close();
    await assert.rejects(opening, { code: 'ERR_LOOP_CLOSED' });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('so that none can be begun of a loop that is closed', async (test) => {
    const folder = temporaryFolder(test);
    const loop = closedLoop();
    assert.throws(() => startTrace(loop), StateError);
    assert.throws(() => startWatchdog({ loop }), StateError);
    await assert.rejects(serveDebug(loop, { folder }), StateError);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(observer, null);
  });

  it('so that no process hangs on it, and no file is left', async (test) => {
    const folder = temporaryFolder(test);
    const program = new RunningProgram(test, TARGET, ['a loop that is looked at in all ways'], {
      env: { XDG_RUNTIME_DIR: folder, TULIPA_DEBUG_SOCKET: '' },
    });
    const { code, stdout, stderr } = await program.end();
    // A machine that is busy with other things makes a turn slow, which is said in debug mode.
    const said = stderr.replace(/^.*SlowCallbackWarning.*\n(?:\(Use .*\n)?/gm, '');
    assert.deepEqual([code, stdout, said], [0, '1 socket\nend\n', '']);
    assert.deepEqual(readdirSync(join(folder, 'tulipa')), []);
  });

  it('or with the process, if the loop is never closed', async (test) => {
    const folder = temporaryFolder(test);
    const program = new RunningProgram(test, TARGET, ['a loop that is never closed'], {
      env: { XDG_RUNTIME_DIR: folder, TULIPA_DEBUG_SOCKET: '' },
    });
    const { code, stdout, stderr } = await program.end();
    assert.deepEqual([code, stdout, stderr], [0, '1 socket\nend\n', '']);
    assert.deepEqual(readdirSync(join(folder, 'tulipa')), []);
  });

  it('or with the thread', async (test) => {
    const folder = temporaryFolder(test);
    const program = new RunningProgram(test, TARGET, ['a worker that is terminated'], {
      env: { XDG_RUNTIME_DIR: folder, TULIPA_DEBUG_SOCKET: '' },
    });
    const { code, stdout } = await program.end();
    assert.deepEqual([code, stdout], [0, 'end\n']);
    assert.deepEqual(readdirSync(join(folder, 'tulipa')), []);
  });
});

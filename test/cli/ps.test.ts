import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { newEventLoop } from '../../src/index.ts';
import { driversOffering } from '../../src/runtime/index.ts';
import { type ProgramEnd, RunningProgram } from './running-program.ts';

const TARGET = 'test/support/programs/debugged.ts';
const MAIN = 'src/cli/main.ts';

/** A folder that is gone after the test. */
function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-ps-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Target {
  readonly program: RunningProgram;
  readonly pid: string;
  /** where its sockets are to be */
  readonly folder: string;
}

/** A running program, in an environment that has its sockets in a folder of the test's. */
async function start(
  test: TestContext,
  scenario: string,
  env: Record<string, string> = {},
  ready = /ready (\d+)/,
): Promise<Target> {
  const folder = temporaryFolder(test);
  const program = new RunningProgram(test, TARGET, [scenario, join(folder, 'go on')], {
    env: { XDG_RUNTIME_DIR: folder, TULIPA_LOOP: driver, TULIPA_DEBUG_SOCKET: '', TULIPA_DEBUG: '', ...env },
  });
  const [, pid = ''] = await program.says(ready);
  return { program, pid, folder: join(folder, 'tulipa') };
}

/** The driver of the programs. */
const driver = process.env['TULIPA_LOOP'] || bestDriver();

function bestDriver(): string {
  const loop = newEventLoop();
  loop.close();
  return loop.driverName;
}

/** One whose loops can block their thread, the same if possible. */
const [blockingDriver] = driversOffering('blocking').sort(
  (a, b) => Number(b === driver) - Number(a === driver),
);
const skipBlocking = blockingDriver === undefined ? 'no driver here blocks' : false;

const blocking = { TULIPA_LOOP: blockingDriver ?? '', TULIPA_RUNNER: 'blocking' };

/** With more time for the answer than it takes on a machine that has much else to do. */
async function look(
  test: TestContext,
  command: 'ps' | 'pstree',
  pid: string,
  ...args: string[]
): Promise<ProgramEnd> {
  return await tulipa(test, command, pid, '--timeout', '60000', ...args);
}

async function tulipa(test: TestContext, ...args: string[]): Promise<ProgramEnd> {
  return await new RunningProgram(test, MAIN, args, { env: { XDG_RUNTIME_DIR: '' } }).end();
}

/** One line on standard error, nothing else. */
function assertComplains(end: ProgramEnd, code: number, complaint: RegExp): void {
  assert.match(end.stderr, complaint);
  assert.match(end.stderr, /^tulipa: [^\n]*\n$/);
  assert.deepEqual([end.code, end.stdout], [code, '']);
}

/** A user that owns nothing. */
const nobody = 65534;
const isRoot = process.getuid?.() === 0;
const onLinux = process.platform === 'linux' ? false : 'needs /proc';

describe('tulipa ps', { timeout: 120_000, concurrency: 2 }, () => {
  it('lists the tasks of a process that did nothing to be looked into (B-TOOLS-001)', async (test) => {
    const { program, pid, folder } = await start(test, 'tasks');
    assert.equal(existsSync(folder), false);
    const { code, stdout, stderr } = await look(test, 'ps', pid);
    assert.deepEqual([code, stderr], [0, '']);
    const [about, head, ...rows] = stdout.trimEnd().split('\n');
    assert.match(about ?? '', new RegExp(`^process ${pid}: Node v[\\d.]+, loop ${driver}, 3 tasks$`));
    assert.match(head ?? '', /^THREAD +ID +NAME +COROUTINE +STATE +AWAITS +FOR +WHERE +AWAITED BY$/);
    assert.equal(rows.length, 3);
    assert.match(
      rows[0] ?? '',
      /^0 +\d+ +Task-1 +main +waiting +future +[\d.]+ m?s +\S*debugged\.[jt]s:\d+$/,
    );
    assert.match(rows[1] ?? '', /^0 +\d+ +first\\x1b\[31m +work +waiting +sleep, due in /);
    assert.match(rows[2] ?? '', /^0 +\d+ +second +work +waiting +sleep, .* +\d+ Task-1 \(task group\)$/);
    // Nobody but its user gets in.
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(folder), [`${pid}.sock`]);
    assert.equal(statSync(join(folder, `${pid}.sock`)).mode & 0o777, 0o600);
    // Looking has started nothing, is no task, and keeps nothing alive.
    program.kill('SIGTERM');
    assert.match((await program.end()).stdout, /end\n$/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('can be asked again, and without places', async (test) => {
    const { pid, folder } = await start(test, 'tasks');
    for (let time = 0; time < 2; time++) {
      const { code, stdout } = await look(test, 'ps', pid, '--no-places');
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, /debugged\.[jt]s/);
    }
    assert.deepEqual(readdirSync(folder), [`${pid}.sock`]);
  });

  it('tells why a process is still running', async (test) => {
    const { pid } = await start(test, 'tasks');
    const { code, stdout } = await look(test, 'ps', pid, '--why');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^tasks:\n {2}1 Task-1: waits for future\n {2}2 first\\x1b\[31m: waits for sleep, .*\n {2}3 /,
    );
    assert.match(stdout, /^timers:\n(?: {2}.*\n)* {2}sleep of task 2 first\\x1b\[31m, due in .*\n/m);
    assert.match(stdout, /^servers:\n {2}server on 127\.0\.0\.1:\d+$/m);
    assert.match(stdout, /^signal handlers, which keep nothing alive:\n {2}SIGTERM$/m);
  });

  it('looks into worker threads that have opened a socket', async (test) => {
    const { pid, folder } = await start(test, 'a worker');
    const { code, stdout } = await look(test, 'ps', pid);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^process ${pid}, thread (\\d+): .* 2 tasks\\n`));
    assert.match(stdout, /^[1-9]\d* +\d+ +in the worker +work /m);
    assert.match(readdirSync(folder)[0] ?? '', new RegExp(`^${pid}-\\d+\\.sock$`));
  });

  for (const [name, scenario, tasks] of [
    ['a loop that blocks its thread', 'tasks', ['Task-1', 'first\\x1b[31m', 'second']],
    [
      'one that does so for ever, where no promise makes progress',
      'a loop that runs for ever',
      ['main', 'sleeper'],
    ],
  ] as const) {
    it(`looks into ${name}, when asked by a signal`, { skip: skipBlocking }, async (test) => {
      const { program, pid, folder } = await start(test, scenario, blocking);
      assert.equal(existsSync(folder), false);
      const { code, stdout, stderr } = await look(test, 'ps', pid);
      assert.deepEqual([code, stderr], [0, '']);
      const [about, , ...rows] = stdout.trimEnd().split('\n');
      assert.match(about ?? '', new RegExp(`loop ${blockingDriver}, ${tasks.length} tasks$`));
      assert.deepEqual(
        rows.map((row) => row.split(/ {2,}/)[2]),
        tasks,
      );
      assert.match(rows[0] ?? '', / waiting +future +.* \S*debugged\.[jt]s:\d+$/);
      const why = await look(test, 'ps', pid, '--why');
      assert.match(why.stdout, /^signal handlers, which keep nothing alive:\n {2}SIGTERM$/m);
      assert.doesNotMatch(why.stdout, /^transports:/m);
      // It is as if nobody had looked.
      program.kill('SIGTERM');
      assert.match((await program.end()).stdout, /end\n$/);
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  it('looks into a worker thread whose loop blocks it', { skip: skipBlocking }, async (test) => {
    const { pid, folder } = await start(test, 'a worker', { TULIPA_LOOP: blockingDriver ?? '' });
    const { code, stdout } = await look(test, 'ps', pid);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`, loop ${blockingDriver}, 2 tasks\\n`));
    assert.match((await look(test, 'pstree', pid)).stdout, /^\d+ in the worker \(work\): waits for sleep/m);
    assert.match(readdirSync(folder)[0] ?? '', new RegExp(`^${pid}-\\d+\\.sock$`));
  });

  it('opens the socket of a loop that blocks its thread where the environment says so', {
    skip: skipBlocking,
  }, async (test) => {
    const { pid, folder } = await start(test, 'tasks', { ...blocking, TULIPA_DEBUG_SOCKET: '1' });
    // Nobody asks for it: it is there already.
    assert.deepEqual(readdirSync(folder), [`${pid}.sock`]);
    assert.equal(statSync(join(folder, `${pid}.sock`)).mode & 0o777, 0o600);
    assert.equal((await look(test, 'ps', pid)).code, 0);
  });

  it('says that the loop of a process is blocked', async (test) => {
    const { pid } = await start(test, 'a busy loop', {}, /ready (\d+)\ncomputes/);
    assertComplains(
      await tulipa(test, 'ps', pid, '--timeout', '300'),
      1,
      /^tulipa: Cannot look into process \d+: it(?: \(\S+\))? has opened no debug socket within 300 ms: its loop is blocked(?:, as it computes)?, if it runs one$/m,
    );
  });

  it('harms no process whose loop was blocked when it was asked', async (test) => {
    const { program, pid, folder } = await start(test, 'a busy loop', {}, /ready (\d+)\ncomputes/);
    assert.equal((await tulipa(test, 'ps', pid, '--timeout', '300')).code, 1);
    writeFileSync(join(folder, '..', 'go on'), '');
    const { code, stdout } = await look(test, 'ps', pid);
    assert.equal(code, 0);
    assert.match(stdout, /1 task$/m);
    program.kill('SIGTERM');
    assert.match((await program.end()).stdout, /end\n$/);
  });

  it('opens the socket at once where the environment or the option says so', async (test) => {
    const { pid, folder } = await start(test, 'tasks', { TULIPA_DEBUG_SOCKET: '1' });
    assert.equal((await look(test, 'pstree', pid)).code, 0);
    assert.deepEqual(readdirSync(folder), [`${pid}.sock`]);
  });

  it('is refused by a process that must not be asked', { skip: onLinux }, async (test) => {
    const { pid, folder } = await start(test, 'tasks', { TULIPA_DEBUG_SOCKET: '0' });
    assertComplains(
      await look(test, 'ps', pid),
      1,
      /: it \(\S+\) must not be asked: TULIPA_DEBUG_SOCKET is 0 in its environment$/m,
    );
    assert.equal(existsSync(folder), false);
  });

  it('sends nothing to a process that runs no loop', { skip: onLinux }, async (test) => {
    const { program, pid } = await start(test, 'no loop');
    for (const command of ['ps', 'pstree'] as const) {
      assertComplains(
        await look(test, command, pid),
        1,
        /: it \(\S+\) runs no Tulipa loop that can be asked: none at all, or with debugSocket: false, or in /,
      );
    }
    program.kill('SIGTERM');
    assert.doesNotMatch((await program.end()).stdout, /signal/);
  });

  it('says that there is no such process', async (test) => {
    const { program, pid } = await start(test, 'no loop');
    program.kill('SIGKILL');
    await program.end();
    assertComplains(
      await look(test, 'ps', pid),
      1,
      /Cannot look into process \d+: there is no such process$/m,
    );
  });

  it('says of a program that is none of JavaScript’s that it runs no loop', {
    skip: onLinux,
  }, async (test) => {
    const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
    test.after(() => stranger.kill());
    assertComplains(
      await look(test, 'ps', String(stranger.pid)),
      1,
      /: it \(\S*\w\S*\) runs no Tulipa loop$/m,
    );
  });

  it('says of a process that has ended, but is not yet buried, that it has', {
    skip: onLinux,
  }, async (test) => {
    // The shell becomes a program that never asks for its child, which ends only then.
    const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 >&2 & echo $!; exec sleep 1000 3<&-'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    test.after(() => parent.kill());
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = String(line).trim();
    while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'sleep\n') await setImmediate();
    parent.stdin.end();
    while (!/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await setImmediate();
    assertComplains(await look(test, 'ps', pid), 1, /: it has ended, and is there only until its parent /);
  });

  it('says whose a process is that is somebody else’s', { skip: onLinux }, async (test) => {
    // Root asks as nobody; others ask about a process of root's.
    const asked = isRoot ? process.pid : 1;
    const asking = new RunningProgram(test, MAIN, ['ps', `${asked}`], isRoot ? { uid: nobody } : {});
    assertComplains(
      await asking.end(),
      1,
      /Cannot look into process \d+: it is of user 0, and only that user and root may look into it$/m,
    );
  });

  // Nobody else can start another user's process, so that there is nothing to test.
  if (isRoot) {
    it('lets root look into the processes of all', { skip: onLinux }, async (test) => {
      const folder = temporaryFolder(test);
      chownSync(folder, nobody, nobody);
      const program = new RunningProgram(test, TARGET, ['tasks'], {
        env: { XDG_RUNTIME_DIR: folder, TULIPA_DEBUG_SOCKET: '', TULIPA_DEBUG: '' },
        uid: nobody,
      });
      const [, pid = ''] = await program.says(/ready (\d+)/);
      const { code, stdout } = await look(test, 'ps', pid);
      assert.equal(code, 0);
      assert.match(stdout, /3 tasks$/m);
      assert.equal(statSync(join(folder, 'tulipa', `${pid}.sock`)).uid, nobody);
    });
  }

  it('takes no other words for a process', async (test) => {
    const wrong = ['0', '-1', 'self', '1e3', '99999999999'];
    const ends = await Promise.all(wrong.map((word) => tulipa(test, 'ps', '--', word)));
    for (const end of ends) assertComplains(end, 2, /whole number from 1/);
    assertComplains(await tulipa(test, 'ps'), 2, /missing required argument 'pid'/);
  });

  it('takes no answer from a folder that others can enter', { skip: onLinux }, async (test) => {
    const folder = temporaryFolder(test);
    mkdirSync(join(folder, 'tulipa'), { mode: 0o755 });
    const program = new RunningProgram(test, TARGET, ['tasks'], {
      env: { XDG_RUNTIME_DIR: folder, TULIPA_DEBUG_SOCKET: '1' },
    });
    await program.says(
      /DebugSocketWarning: Cannot open a debug socket in .*: it is not a folder of ours alone/,
    );
    assert.deepEqual(readdirSync(join(folder, 'tulipa')), []);
  });
});

describe('tulipa pstree', { timeout: 120_000, concurrency: 2 }, () => {
  it('shows who waits for whom, and every task (B-TOOLS-002)', async (test) => {
    const { pid } = await start(test, 'tasks');
    const { code, stdout, stderr } = await look(test, 'pstree', pid);
    assert.deepEqual([code, stderr], [0, '']);
    const [about, root, first, second, ...rest] = stdout.trimEnd().split('\n');
    assert.match(about ?? '', /3 tasks$/);
    assert.match(
      root ?? '',
      /^\d+ Task-1 \(main\): waits for future for [\d.]+ m?s at \S*debugged\.[jt]s:\d+$/,
    );
    assert.match(first ?? '', /^├─ \d+ first\\x1b\[31m \(work\) by task group: waits for sleep/);
    assert.match(second ?? '', /^└─ \d+ second \(work\) by task group: waits for sleep/);
    assert.deepEqual(rest, []);
  });

  it('shows the tasks of a loop that blocks its thread', { skip: skipBlocking }, async (test) => {
    const { pid } = await start(test, 'tasks', blocking);
    const { code, stdout } = await look(test, 'pstree', pid);
    assert.equal(code, 0);
    const [, root, ...children] = stdout.trimEnd().split('\n');
    assert.match(root ?? '', /^\d+ Task-1 \(main\): waits for future /);
    assert.match(children.join('\n'), /^├─ \d+ first.*\n└─ \d+ second .*$/);
  });

  it('reports a circle in one line that names the tasks (B-TOOLS-002)', async (test) => {
    const { pid } = await start(test, 'a circle');
    const { code, stderr } = await look(test, 'pstree', pid);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^tulipa: Cannot draw the tree: tasks wait in a circle: (\d+) knot . → \d+ knot . → \1 knot .\n$/,
    );
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import {
  type AskProcessError,
  askProcess,
  type LoopSnapshot,
  serveDebug,
  takeSnapshot,
  whyRunning,
} from '../../src/debug/index.ts';
import { socketFolder, socketsOf, sweepSocketFolder } from '../../src/debug/socket-folder.ts';
import { createTask, getRunningLoop, run, sleep } from '../../src/index.ts';
import { EventLoop } from '../../src/runtime/index.ts';
import { StubDriver } from '../loop/stub-driver.ts';

const far = 3_600_000;

function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-socket-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What the socket answers to these bytes. */
async function ask(path: string, request: string): Promise<unknown> {
  const connection = connect(path);
  connection.on('error', () => {});
  connection.write(request);
  const answer = await text(connection);
  return answer === '' ? null : JSON.parse(answer);
}

/** A server that takes a process's place, and answers this. */
async function pretend(test: TestContext, path: string, answer: string): Promise<void> {
  const server = createServer((connection) => {
    connection.on('data', () => connection.end(answer));
    connection.on('error', () => {});
  });
  server.listen(path);
  await once(server, 'listening');
  test.after(() => server.close());
}

async function failureOf(asking: () => PromiseLike<unknown>): Promise<AskProcessError> {
  try {
    await asking();
  } catch (error) {
    return error as AskProcessError;
  }
  assert.fail('it did not fail');
}

describe('the debug socket', { timeout: 60_000 }, () => {
  it('can be reached by its user alone, and is gone once closed', async (test) => {
    const folder = join(temporaryFolder(test), 'new');
    await run(async () => {
      const socket = await serveDebug(getRunningLoop(), { folder });
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      assert.equal(statSync(socket.path).mode & 0o777, 0o600);
      assert.deepEqual(socketsOf(process.pid, folder), [socket.path]);
      socket.close();
      socket.close();
      assert.equal(existsSync(socket.path), false);
    });
  });

  it('answers what it is asked, and says what it does not know', async (test) => {
    const folder = temporaryFolder(test);
    await run(async () => {
      createTask(() => sleep(far), { name: 'worker' });
      const { path, close } = await serveDebug(getRunningLoop(), { folder });
      const tasks = (await ask(path, '{"ask":"tasks"}\n')) as { ok: boolean; answer: LoopSnapshot };
      assert.equal(tasks.ok, true);
      assert.deepEqual(
        tasks.answer.tasks.map(({ name }) => name),
        takeSnapshot().tasks.map(({ name }) => name),
      );
      const why = (await ask(path, '{"ask":"why"}\n')) as { ok: boolean; answer: { tasks: string[] } };
      assert.match(why.answer.tasks.join(), /worker/);
      const few = (await ask(path, '{"ask":"tasks","tasksMax":1,"places":false}\nmore')) as typeof tasks;
      assert.equal(few.answer.tasks.length, 1);
      for (const wrong of [
        '{"ask":"tea"}',
        '{}',
        'null',
        '[]',
        '',
        'tasks',
        '{"ask":',
        '\u0000',
        'x'.repeat(5000),
      ]) {
        const refusal = (await ask(path, `${wrong}\n`)) as { ok: boolean; error: string };
        assert.equal(refusal.ok, false);
        assert.match(refusal.error, /^Cannot answer/);
      }
      close();
    });
  });

  it('outlives those who leave without a word, ask in pieces, or do not wait for the answer', async (test) => {
    const folder = temporaryFolder(test);
    await run(async () => {
      const { path, close } = await serveDebug(getRunningLoop(), { folder });
      const mute = connect(path);
      mute.end();
      await once(mute.resume(), 'close');
      const hasty = connect(path);
      hasty.write('{"ask":"tasks"}\n');
      hasty.destroy();
      const slow = connect({ path, allowHalfOpen: true });
      await once(slow, 'connect');
      for (const piece of ['{"ask"', ':"wh', 'y"}', '\n']) {
        slow.write(piece);
        await sleep(0);
      }
      assert.equal((JSON.parse(await text(slow)) as { ok: boolean }).ok, true);
      slow.end();
      close();
    });
  });

  it('sends answers that are longer than the kernel takes at once', async (test) => {
    const folder = temporaryFolder(test);
    await run(async () => {
      for (let count = 0; count < 2000; count++) createTask(() => sleep(far), { name: 'x'.repeat(500) });
      const { path, close } = await serveDebug(getRunningLoop(), { folder });
      const told = (await ask(path, '{"ask":"tasks","places":false}\n')) as { answer: LoopSnapshot };
      assert.equal(told.answer.tasks.length, 2001);
      close();
    });
  });

  it('is served by the host’s loop, where ours has no streams of its own', async (test) => {
    const folder = temporaryFolder(test);
    const loop = new EventLoop(new StubDriver());
    const { path } = await serveDebug(loop, { folder });
    const told = (await ask(path, '{"ask":"tasks"}\n')) as { answer: LoopSnapshot };
    assert.equal(told.answer.driver, 'stub');
    loop.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('reads no more of a request than one may have', async (test) => {
    const folder = temporaryFolder(test);
    await run(async () => {
      const { path, close } = await serveDebug(getRunningLoop(), { folder });
      assert.equal(((await ask(path, 'x'.repeat(100_000))) as { ok: boolean }).ok, false);
      close();
    });
  });

  it('is none of the loop’s tasks, transports, servers and timers', async (test) => {
    const folder = temporaryFolder(test);
    await run(async () => {
      const socket = await serveDebug(getRunningLoop(), { folder });
      const waiting = connect(socket.path);
      await once(waiting, 'connect');
      const answered = (await ask(socket.path, '{"ask":"tasks"}\n')) as { answer: LoopSnapshot };
      assert.equal(answered.answer.taskCount, 1);
      const { servers, transports, timers } = whyRunning();
      assert.deepEqual([servers, transports, timers], [[], [], []]);
      socket.close();
      await once(waiting, 'close');
    });
  });

  it('is opened by an option of run, and closed with the loop', async (test) => {
    const folder = temporaryFolder(test);
    const before = process.env['XDG_RUNTIME_DIR'];
    process.env['XDG_RUNTIME_DIR'] = folder;
    test.after(() => {
      if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = before;
    });
    await run(
      async () => {
        const { answers, silent } = await askProcess(process.pid, { ask: 'tasks' });
        assert.deepEqual(
          answers.map((answer) => (answer as LoopSnapshot).pid),
          [process.pid],
        );
        assert.deepEqual(silent, []);
        assert.equal(readdirSync(join(folder, 'tulipa')).length, 1);
      },
      { debugSocket: true },
    );
    assert.deepEqual(readdirSync(join(folder, 'tulipa')), []);
  });

  it('is not opened in a folder that is not its user’s alone', async (test) => {
    const parent = temporaryFolder(test);
    mkdirSync(join(parent, 'open'), { mode: 0o755 });
    mkdirSync(join(parent, 'real'), { mode: 0o700 });
    symlinkSync(join(parent, 'real'), join(parent, 'link'));
    await run(async () => {
      for (const name of ['open', 'link']) {
        await assert.rejects(serveDebug(getRunningLoop(), { folder: join(parent, name) }), {
          code: 'ERR_DEBUG_FOLDER',
        });
      }
      writeFileSync(join(parent, 'file'), '');
      await assert.rejects(serveDebug(getRunningLoop(), { folder: join(parent, 'file') }), {
        code: 'EEXIST',
      });
      await assert.rejects(serveDebug(getRunningLoop(), { folder: join(parent, 'x'.repeat(150)) }));
    });
  });

  it('leaves nothing behind of processes that have gone', (test) => {
    const folder = temporaryFolder(test);
    for (const name of ['99999999.sock', '99999999-3.2.sock', `${process.pid}.sock`, 'other', 'x.sock']) {
      writeFileSync(join(folder, name), '');
    }
    sweepSocketFolder(folder);
    assert.deepEqual(readdirSync(folder).sort(), ['other', `${process.pid}.sock`, 'x.sock'].sort());
    sweepSocketFolder(join(folder, 'missing'));
  });

  it('is where the environment says that files for the run time are, else among the temporary ones', () => {
    assert.equal(socketFolder({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), '/run/user/7/tulipa');
    assert.equal(socketFolder({ XDG_RUNTIME_DIR: 'relative', TMPDIR: '/t' }, 7), '/t/tulipa-7');
    assert.equal(socketFolder({}, null), join(tmpdir(), 'tulipa-user'));
  });
});

describe('asking a process', { timeout: 60_000 }, () => {
  it('fails with one line that says why', async (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, `${process.pid}.sock`);
    await run(async () => {
      const askOurselves = (timeout?: number) =>
        askProcess(process.pid, { ask: 'tasks' }, { folder, ...(timeout === undefined ? {} : { timeout }) });
      await pretend(test, path, 'nonsense\n');
      assert.match((await failureOf(() => askOurselves())).message, /its answer makes no sense/);
      rmSync(path, { force: true });
      await pretend(test, path, '{"ok":false,"error":"Cannot answer: out of tea"}\n');
      const refused = await failureOf(() => askOurselves());
      assert.equal(refused.message, `Cannot look into process ${process.pid}: Cannot answer: out of tea`);
      assert.deepEqual([refused.code, refused.pid], ['ERR_ASK_PROCESS', process.pid]);
      test.mock.method(process, 'kill', () => {
        throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
      });
      assert.match(
        (await failureOf(() => askOurselves())).message,
        /: it is .*, and only that user and root may look into it$/,
      );
    });
  });

  it('tells which threads do not answer, where others do', async (test) => {
    const folder = temporaryFolder(test);
    await pretend(test, join(folder, `${process.pid}.sock`), '{"ok":true,"answer":{"pid":1}}\n');
    const silent = createServer(() => {});
    silent.listen(join(folder, `${process.pid}-3.sock`));
    await once(silent, 'listening');
    test.after(() => silent.close());
    await run(async () => {
      const told = await askProcess(process.pid, { ask: 'tasks' }, { folder, timeout: 300 });
      assert.deepEqual(told, { answers: [{ pid: 1 }], silent: [3] });
      rmSync(join(folder, `${process.pid}.sock`));
      const failure = await failureOf(() =>
        askProcess(process.pid, { ask: 'tasks' }, { folder, timeout: 300 }),
      );
      assert.match(failure.message, /it does not answer within 300 ms: its loop is blocked/);
    });
  });

  it('takes only a process id', async () => {
    await run(async () => {
      for (const wrong of [0, -1, 1.5, Number.NaN, Infinity, '7']) {
        await assert.rejects(async () => await askProcess(wrong as number, { ask: 'tasks' }), RangeError);
      }
    });
  });

  it('removes a socket that a process with the same number has left behind', async (test) => {
    const folder = temporaryFolder(test);
    const path = join(folder, `${process.pid}.9999.sock`);
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    await run(async () => {
      const socket = await serveDebug(getRunningLoop(), { folder });
      assert.equal(socketsOf(process.pid, folder).length, 2);
      // What is left when nobody closes it: the name without the listener.
      renameSync(path, join(folder, 'moved'));
      server.close();
      await once(server, 'close');
      renameSync(join(folder, 'moved'), path);
      const { answers } = await askProcess(process.pid, { ask: 'tasks' }, { folder });
      assert.equal(answers.length, 1);
      assert.deepEqual(socketsOf(process.pid, folder), [socket.path]);
      socket.close();
    });
  });
});

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  createTask,
  gather,
  getRunningLoop,
  NotSupportedError,
  openConnection,
  run,
  sleep,
  socketPair,
  startServer,
  TimeoutError,
  timeout,
} from 'tulipa';
import { type GlibLoopOptions, glibLoop, runGlib } from 'tulipa/adapters/glib';
import { ffi } from '../../src/syscalls/index.ts';
import { childFlags, threadBeginning } from '../child-program.ts';

const library = 'libglib-2.0.so.0';

/** As other libraries call it. */
const glib = openGlib();

function openGlib() {
  try {
    return ffi().open(
      {
        g_timeout_add: ['u32', 'u32', 'address', 'address'],
        g_idle_add: ['u32', 'address', 'address'],
        g_source_remove: ['i32', 'u32'],
        g_main_loop_new: ['address', 'address', 'i32'],
        g_main_loop_run: ['void', 'address'],
        g_main_loop_quit: ['void', 'address'],
        g_main_loop_unref: ['void', 'address'],
      },
      library,
    ) as unknown as Record<string, (...args: number[]) => number>;
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error;
    return null;
  }
}

/** For GLib to call, again and again until it says false. */
function callback(called: () => boolean) {
  return ffi().callback(['i32', 'address'], () => (called() ? 1 : 0));
}

const flags = ['--no-warnings', ...childFlags];

/** A program of its own. @returns how it ended, and what it has written */
async function program(
  source: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-', ...args]);
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data;
  });
  child.stdin.end(source);
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

describe('a loop that GLib turns', { skip: glib === null ? 'GLib is not installed here' : false }, () => {
  for (const driver of ['epoll', 'poll', 'select']) {
    it(`runs callbacks, timers and tasks of both spellings on ${driver}, and turns nothing of Node's`, async () => {
      let hosts = false;
      const order: string[] = [];
      const took = await runGlib(
        async () => {
          const loop = getRunningLoop();
          setImmediate(() => {
            hosts = true;
          });
          const begun = loop.time();
          loop.callLater(20, () => order.push('20'));
          loop.callLater(5, () => order.push('5'));
          loop.callSoon(() => order.push('soon'));
          loop.callSoon(() => void Promise.resolve().then(() => order.push('its reaction')));
          loop.callSoon(() => order.push('soon after'));
          loop.callLater(10, () => order.push('10'));
          const task = createTask(function* () {
            yield* sleep(1);
            return 'slept';
          });
          assert.deepEqual(await gather([task, sleep(30, 'longer')]), ['slept', 'longer']);
          assert.equal(hosts, false);
          return loop.time() - begun;
        },
        { driver },
      );
      assert.deepEqual(order, ['soon', 'its reaction', 'soon after', '5', '10', '20']);
      assert.ok(took >= 30 && took < 1000, `${took}`);
    });
  }

  it('carries servers, connections and time-outs', async () => {
    const text = await runGlib(async () => {
      const server = await startServer(
        async (reader, writer) => {
          for await (const line of reader) await writer.write(line);
          writer.close();
        },
        { host: '127.0.0.1', port: 0 },
      );
      const { port } = server.sockets[0] as { port: number };
      const { reader, writer } = await openConnection({ host: '127.0.0.1', port });
      await assert.rejects(async () => await timeout(5, async () => await reader.readLine()), TimeoutError);
      const large = `${'x'.repeat(60_000)}\n`;
      for (let count = 0; count < 20; count++) {
        await writer.write(large);
        assert.equal((await reader.readLine()).length, large.length);
      }
      writer.close();
      server.close();
      await server.waitClosed();
      return 'done';
    });
    assert.equal(text, 'done');
  });

  it('watches descriptors of the program', async () => {
    await runGlib(async () => {
      const loop = getRunningLoop();
      const [near, far] = socketPair();
      const readable = loop.createFuture<void>();
      loop.addReader(near, () => {
        loop.removeReader(near);
        readable.setResult();
      });
      await loop.sockSendall(far, new TextEncoder().encode('x'));
      await readable;
      assert.equal((await loop.sockRecv(near, 10)).length, 1);
      near.close();
      far.close();
    });
  });

  it('lets sources of others have their turn, also while it is busy', async () => {
    let idle = 0;
    let ticks = 0;
    const idling = callback(() => ++idle < 1000);
    const ticking = callback(() => ++ticks < 5);
    let turns = 0;
    await runGlib(async () => {
      const loop = getRunningLoop();
      glib?.['g_idle_add']?.(idling.address, 0);
      glib?.['g_timeout_add']?.(2, ticking.address, 0);
      // Never without something queued.
      let busy = true;
      const again = () => {
        turns++;
        if (busy) loop.callSoon(again);
      };
      again();
      const end = loop.time() + 5000;
      while (ticks < 5 && loop.time() < end) await sleep(1);
      busy = false;
    });
    assert.equal(ticks, 5);
    assert.ok(idle > 1, `${idle}`);
    assert.ok(turns > 100, `${turns}`);
    await runGlib(async () => {
      while (idle < 1000) await sleep(1);
    });
    idling.release();
    ticking.release();
  });

  it('is woken by what others of GLib ask of it between its turns, and by a main loop that they run', async () => {
    const mainLoop = glib?.['g_main_loop_new']?.(0, 0) as number;
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    let asked = () => {};
    // Made here: what koffi is given inside of a callback, it later calls on a stack that is not V8's.
    const foreign = callback(() => {
      asked();
      return false;
    });
    const main = async () => {
      const loop = getRunningLoop();
      const future = loop.createFuture<string>();
      asked = () => {
        seen.push('foreign');
        loop.callLater(1, () => future.setResult(`timer in ${storage.getStore()}`));
      };
      glib?.['g_timeout_add']?.(5, foreign.address, 0);
      seen.push(await future, storage.getStore());
    };
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        const done = storage.run('ours', () => run(main, { loopFactory: () => glibLoop({ priority: 0 }) }));
        const quit = () => glib?.['g_main_loop_quit']?.(mainLoop);
        done.then(quit, (error) => {
          seen.push(error);
          quit();
        });
        // Whoever runs it knows nothing of our loop.
        storage.run('theirs', () => glib?.['g_main_loop_run']?.(mainLoop));
        resolve();
      });
    });
    glib?.['g_main_loop_unref']?.(mainLoop);
    foreign.release();
    assert.deepEqual(seen, ['foreign', 'timer in ours', 'ours']);
  });

  it('passes errors on, cancels what is left over, and can be run again, in itself not', async () => {
    const wrong = new Error('wrong');
    let cleaned = false;
    await assert.rejects(
      runGlib(function* () {
        createTask(function* () {
          try {
            yield* sleep(1_000_000);
          } finally {
            yield* sleep(1);
            cleaned = true;
          }
        });
        yield* sleep(1);
        throw wrong;
      }),
      wrong,
    );
    assert.equal(cleaned, true);
    await runGlib(async () => {
      // Refused: this thread has a loop already. Had it been let in, it would block this one for ever.
      await assert.rejects(
        run(async () => {}, { loopFactory: () => glibLoop() }),
        { code: 'ERR_LOOP_RUNNING' },
      );
    });
    await assert.rejects(runGlib((() => 5) as never), Error);
    await assert.rejects(runGlib(5 as never), TypeError);
  });

  it('tells the loop of exceptions in callbacks, and lets none into C', async () => {
    const contexts: unknown[] = [];
    await runGlib(async () => {
      const loop = getRunningLoop();
      loop.setExceptionHandler((_loop, { exception }) => void contexts.push(exception));
      loop.callSoon(() => {
        throw new Error('first');
      });
      loop.callLater(1, () => {
        throw new Error('second');
      });
      await sleep(5);
    });
    assert.deepEqual(contexts.map(String), ['Error: first', 'Error: second']);
  });

  it('hands errors of microtasks to the process, which goes on if somebody takes them', async () => {
    const source = `
      import { getRunningLoop, sleep } from 'tulipa';
      import { runGlib } from 'tulipa/adapters/glib';
      if (process.argv[2] === 'caught') process.on('uncaughtException', (error) => console.log('caught ' + error.message));
      await runGlib(async () => {
        getRunningLoop().callSoon(() => queueMicrotask(() => { throw new Error('from a microtask'); }));
        getRunningLoop().callSoon(() => process.nextTick(() => { throw new Error('from a tick'); }));
        await sleep(20);
        console.log('went on');
      });
    `;
    const [caught, fatal] = await Promise.all([program(source, 'caught'), program(source, 'fatal')]);
    assert.deepEqual(caught, {
      code: 0,
      out: 'caught from a microtask\ncaught from a tick\nwent on\n',
      err: '',
    });
    assert.deepEqual([fatal.code, fatal.out], [1, '']);
    assert.match(fatal.err, /from a microtask/);
  });

  it('ends with the signal that interrupts it, having cleaned up', async () => {
    const source = `
      import { sleep } from 'tulipa';
      import { runGlib } from 'tulipa/adapters/glib';
      try {
        await runGlib(async () => {
          process.kill(process.pid, 'SIGINT');
          try { await sleep(100_000); } finally { console.log('cleaned up'); }
        });
      } catch (error) { console.log(error.name); }
    `;
    const { out } = await program(source);
    assert.equal(out, 'cleaned up\nInterruptedError\n');
  });

  it('leaves no descriptor and no source behind', async () => {
    const count = () => readdirSync('/proc/self/fd').length;
    const round = () => runGlib(() => sleep(1));
    await round();
    const before = count();
    for (let index = 0; index < 20; index++) await round();
    assert.equal(count(), before);
  });

  it('is refused where it cannot be', async () => {
    const refused = (options: GlibLoopOptions) =>
      assert.throws(() => glibLoop(options), NotSupportedError, JSON.stringify(options));
    refused({ driver: 'node' });
    refused({ driver: 'simulation' });
    assert.throws(() => glibLoop({ driver: 'none' }), RangeError);
    assert.throws(() => glibLoop({ priority: 0.5 }), RangeError);
    await assert.rejects(
      runGlib(async () => {}, { driver: 'node' }),
      NotSupportedError,
    );
    const source = `
      const { parentPort } = require('node:worker_threads');
      (async () => {
        ${threadBeginning}
        const { glibLoop } = await import('tulipa/adapters/glib');
        try { glibLoop(); } catch (error) { parentPort.postMessage(error.name); }
      })();
    `;
    const worker = new Worker(source, { eval: true, execArgv: flags });
    assert.deepEqual(await once(worker, 'message'), ['NotSupportedError']);
    await worker.terminate();
  });
});

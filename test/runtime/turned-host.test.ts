import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { listDrivers, newEventLoop, Runner } from '../../src/runtime/index.ts';
import { repositoryRoot } from '../support/run-program.ts';
import { runToEnd } from '../support/run-to-end.ts';

/** Why Node's loop cannot be turned by this runtime; null: it can. */
function refusal(): Error | null {
  try {
    newEventLoop({ driver: 'epoll', turnsHost: true }).close();
    return null;
  } catch (error) {
    return error as Error;
  }
}

const works = (driver: string) => listDrivers().find(({ name }) => name === driver)?.unavailable === null;
const hasNodeFfi = process.platform === 'linux' && Number(process.versions.node.split('.')[0]) >= 26;
const skip = hasNodeFfi && works('epoll') ? false : 'it takes node:ffi of Node 26, on Linux';
if (skip !== false) console.error(`The tests of a loop that turns Node's are left out: ${skip}`);

async function outcome(name: string, { driver = 'epoll', args = [] as string[], env = {} } = {}) {
  const { stdout, stderr, code, signal } = await runToEnd(
    'test/support/programs/turned-host.ts',
    [driver, name, ...args],
    { env },
  );
  const said = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
  return { said, stderr, code, signal };
}

/** What it says when it ends well; of its errors nothing but Node's own warning. */
async function says(name: string, options?: Parameters<typeof outcome>[1]): Promise<unknown[]> {
  const { said, stderr, code, signal } = await outcome(name, options);
  assert.deepEqual([code, signal], [0, null], stderr);
  const lines = stderr
    .split('\n')
    .filter((line) => !/^$|ExperimentalWarning: FFI|--trace-warnings/.test(line));
  assert.deepEqual(lines, []);
  return said;
}

const everything = [
  'fs true',
  'dns true',
  'fetch of Node',
  'timers',
  'subtle 32',
  'scrypt 8',
  'zlib true',
  'worker hello 0',
  'child 3',
  'wasm [object WebAssembly.Module]',
  'stream true',
];

describe('a blocked thread that turns the loop of Node', { skip, concurrency: 2 }, () => {
  it("lets Node's files, names, sockets, timers, threads and children go on under each driver", async () => {
    const drivers = ['epoll', 'poll', 'select'].filter(works);
    assert.deepEqual(
      await says('everything', { driver: drivers.join() }),
      drivers.flatMap((driver) => [[driver, ...everything], everything.length]),
    );
  });

  it('does so under run, by an option or by the environment', async () => {
    assert.deepEqual(await says('run'), [everything]);
    const env = { TULIPA_TURNS_HOST: '1', TULIPA_RUNNER: 'blocking' };
    assert.deepEqual(await says('environment', { env }), [everything]);
  });

  it('runs callbacks, ticks and immediates at the top level of a module, where no promise goes on', async () => {
    assert.deepEqual(await says('top level'), [
      ['stat, immediate', ['tick']],
      ['tick', 'of an immediate'],
    ]);
  });

  it('lets promises go on in the main script, if that is CommonJS', async () => {
    const script = `
      const { newEventLoop } = require('tulipa');
      const loop = newEventLoop({ driver: 'epoll', turnsHost: true });
      console.log(loop.runUntilComplete(async () => (await fetch('data:,of Node')).text()));
      console.log(loop.runUntilComplete(async () => (await require('node:fs/promises').stat('/')).isDirectory()));
      loop.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', '-e', script], {
      cwd: repositoryRoot,
    });
    assert.equal(stdout, 'of Node\ntrue\n');
  });

  it('runs ticks and promise reactions after each callback, in the order of Node', async () => {
    const [length, ...others] = await says('order');
    assert.ok(Number(length) > 50, JSON.stringify(length));
    assert.deepEqual(others, [length, length]);
  });

  it('turns neither loop while nothing happens, and leaves nothing behind, however often it is begun', async () => {
    const [counts, left] = (await says('idle,many')) as [number[], number];
    // What V8's threads have left to tell comes when it likes, a few times.
    for (const count of counts) assert.ok(count <= 20, String(counts));
    assert.equal(left, 0);
  });

  it('is fair to both', async () => {
    assert.deepEqual(await says('busy host,busy loop'), [true, true]);
  });

  it('runs timers of any delay, in whose list it was begun or not', async () => {
    assert.deepEqual((await says('timers')).map(String).sort(), ['5,true', 'later']);
  });

  it('serves what keeps nobody alive, and is not kept busy by what nobody reads; it hears signals, and is stopped', async () => {
    assert.deepEqual(await says('unref,signal,stop'), [
      [['data x', 'immediate', 'timer'], true],
      ['Node', 'loop'],
      ['stopped', 1],
    ]);
  });

  it('has every error that nobody catches told as Node tells it, and goes on if somebody listens', async () => {
    const thrown = ['data', 'immediate', 'microtask', 'stat 0', 'stat 1', 'tick', 'tick of a timer'];
    thrown.push('tick of an immediate', 'timer');
    assert.deepEqual(await says('uncaught'), [
      [
        'later immediate',
        'later timer',
        ...thrown.map((what) => `uncaughtException: ${what}`),
        'unhandledRejection: promise',
      ],
      'Node goes on',
    ]);
  });

  for (const what of ['immediate', 'tick', 'stat']) {
    it(`ends the process by an error of Node's ${what} that nobody catches, as Node does`, async () => {
      const { said, stderr, code, signal } = await outcome('fatal', { args: [what] });
      assert.deepEqual([said, code, signal], [['exit 1'], 1, null], stderr);
      assert.match(stderr, /throw new Error\('of Node'\)[\s\S]*\nError: of Node\n/);
    });
  }

  for (const what of ['exit immediate', 'exit stat']) {
    it(`lets process.exit end it: ${what}`, async () => {
      const { said, stderr, code, signal } = await outcome('fatal', { args: [what] });
      assert.deepEqual([said, code, signal], [['exit 5'], 5, null], stderr);
    });
  }

  it('survives collections, deep stacks, stack traces, errors and other contexts in callbacks', async () => {
    assert.deepEqual(await says('stress'), [{ caught: 212, collected: 10, traced: 200, uncaught: 60 }]);
  });

  it("refuses to turn Node's loop in the middle of its turns, and drivers that have no part in it", async () => {
    const [node, simulation, ...places] = (await says('refused')) as string[];
    assert.match(String(node), /^NotSupportedError .*: the node driver is always a guest of it$/);
    assert.match(String(simulation), /^NotSupportedError .*: the simulation driver has no part in it$/);
    const [immediate, callback, nested, reaction] = places;
    for (const place of [immediate, callback, reaction])
      assert.match(String(place), /^StateError ERR_HOST_TURNING: .* use await run\(main\)/);
    assert.match(String(nested), /^StateError ERR_LOOP_RUNNING: /);
    assert.equal(places.length, 4);
  });

  it('is refused in a worker thread, which the environment is not taken to speak of', async () => {
    const [refused, ran] = await says('worker', { env: { TULIPA_TURNS_HOST: '1' } });
    assert.match(String(refused), /^NotSupportedError ERR_NOT_SUPPORTED: .*worker thread/);
    assert.equal(ran, true);
  });
});

describe('a loop that is to turn that of Node', () => {
  it('is refused where the runtime cannot, with the reason', {
    skip: hasNodeFfi ? 'it can here' : process.platform === 'linux' ? false : 'there is another reason here',
  }, () => {
    const error = refusal();
    assert.equal((error as { code?: string } | null)?.code, 'ERR_NOT_SUPPORTED');
    assert.match(
      String(error),
      /node:ffi, which comes with Node 26, and this is v2\d\..*; koffi calls on a stack/,
    );
    assert.throws(() => new Runner({ driver: 'epoll', turnsHost: true }).getLoop(), {
      code: 'ERR_NOT_SUPPORTED',
    });
  });
});

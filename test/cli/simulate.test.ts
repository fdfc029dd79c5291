import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { programCommand, runMode } from '../support/run-program.ts';
import { type ProgramEnd, RunningProgram } from './running-program.ts';

async function simulate(test: TestContext, ...args: string[]): Promise<ProgramEnd> {
  return await new RunningProgram(test, 'src/cli/main.ts', ['simulate', ...args]).end();
}

/** Where a program of `test/support/programs/node` is. */
function fixture(name: string): string {
  return programCommand(`test/support/programs/node/${name}.ts`).args.at(-1) as string;
}

function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-simulate-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes programs, or what they import, into one folder; the first one is what it returns the path of. */
function written(test: TestContext, files: Record<string, string>): string {
  const folder = temporaryFolder(test);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return join(folder, Object.keys(files)[0] as string);
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

describe('tulipa simulate', { timeout: 240_000, concurrency: 2 }, () => {
  it('runs unmodified programs with http, fetch, a line protocol and threads in virtual time, the same each time', async (test) => {
    const folder = temporaryFolder(test);
    const runs: [ProgramEnd, string][] = [];
    for (const name of ['one.txt', 'two.txt']) {
      const trace = join(folder, name);
      const shop = `shop=${fixture('shop')} roses`;
      const end = await simulate(test, '--seed', '7', '--host', shop, '--trace', trace, fixture('customer'));
      runs.push([end, readFileSync(trace, 'utf8')]);
    }
    const [[end, trace] = assert.fail(), [other, otherTrace] = assert.fail()] = runs;
    assert.deepEqual([other.stdout, otherTrace], [end.stdout, trace]);
    assert.equal(end.code, 0, end.stderr);
    const said = linesOf(end.stdout);
    assert.ok(said.includes('shop     | listens on 8080 roses'), end.stdout);
    const customer = said.filter((line) => line.startsWith('customer | ')).map((line) => line.slice(11));
    assert.equal(customer[0], '2030-01-01T00:00:00.000Z true');
    assert.match(
      customer[1] ?? '',
      /^200 Tue, 01 Jan 2030 00:00:01 GMT \{ url: '\/orders', body: 'tulips', answers: 1, host: 'shop' \}$/,
    );
    assert.match(end.stdout, /200 \{"url":"\/plain","body":"","answers":2,"host":"shop"\}/);
    assert.match(end.stdout, /\[ 'ok', '1', '2' \]/);
    assert.match(end.stdout, /customer \| TimeoutError\n/);
    assert.match(end.stdout, /customer \| [0-9a-f]{16} true true\n/);
    assert.equal(customer.at(-1), 'after true true');
    assert.match(end.stderr, /^tulipa: 1 h 0 min simulated with seed 7; customer ended with exit code 0\n$/);
    assert.match(trace, /customer +"after true true"/);
    assert.match(trace, /customer +--> shop #\d+ +data \d+ bytes → shop:5432/);
  });

  it('has random numbers by the seed, and writes the trace as a page', async (test) => {
    const file = written(test, { 'dice.mjs': 'console.log(Math.random(), crypto.randomUUID());' });
    const page = join(temporaryFolder(test), 'trace.html');
    const [one, same, other] = [
      await simulate(test, '--seed', '1', '--trace', page, file),
      await simulate(test, '--seed', '1', file),
      await simulate(test, '--seed', '2', file),
    ];
    assert.deepEqual([one.code, one.stdout], [0, same.stdout]);
    assert.notEqual(one.stdout, other.stdout);
    assert.match(readFileSync(page, 'utf8'), /^<!doctype html>/i);
  });

  it('gives each host CommonJS modules of its own', async (test) => {
    const file = written(test, {
      'main.mjs': `
        import { hostname } from 'node:os';
        const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
        const plain = require('./plain.cjs');
        plain.count++;
        console.log(hostname(), process.argv[2], plain.count, require('./plain.cjs') === plain, process.pid > 1000);`,
      'plain.cjs': 'exports.count = 0;',
    });
    const end = await simulate(test, '--host', `a=${file} 1`, '--host', `b=${file} 2`);
    assert.equal(end.code, 0, end.stderr);
    assert.deepEqual(linesOf(end.stdout).sort(), ['a | a 1 1 true true', 'b | b 2 1 true true']);
  });

  it('gives each host ES modules of its own, and the address that it knows', {
    skip: runMode === 'compat' && 'needs module.registerHooks, of Node 22.15',
  }, async (test) => {
    const file = written(test, {
      'main.mjs': `
        import { state } from './shared.mjs';
        import plain from './plain.cjs';
        import made from './made.cjs';
        import { pathToFileURL } from 'node:url';
        console.log(++state.count, ++plain.count, made(), import.meta.main, import.meta.url === pathToFileURL(process.argv[1]).href);`,
      'shared.mjs': 'export const state = { count: 0 };',
      'plain.cjs': 'exports.count = 0;',
      // As packages are made, whose first file hands on another one.
      'made.cjs': "module.exports = require('./inside.cjs');",
      'inside.cjs': "module.exports = () => 'made';",
    });
    const end = await simulate(test, '--host', `a=${file}`, '--host', `b=${file}`);
    assert.deepEqual(linesOf(end.stdout).sort(), ['a | 1 1 made true true', 'b | 1 1 made true true']);
  });

  it('starts a CommonJS program as the main module', async (test) => {
    const file = written(test, {
      'main.cjs': `console.log(require.main === module, process.argv[1] === __filename, process.argv.length);
        require('node:timers').setTimeout(() => console.log('later'), 1e6);`,
    });
    const end = await simulate(test, file, '--seed', '5');
    assert.deepEqual([end.code, end.stdout], [0, 'main | true true 4\nmain | later\n']);
  });

  it('ends a program that exits, and nothing of it goes on, though it catches what that throws', async (test) => {
    const file = written(test, {
      'exits.mjs': `
        process.on('exit', (code) => console.log('exit', code));
        setInterval(() => console.log('tick'), 1000);
        setTimeout(() => {
          try { process.exit(3); } catch (error) { console.log('never', error); }
          setTimeout(() => console.log('never'), 1);
        }, 2500);`,
    });
    const end = await simulate(test, file);
    assert.equal(end.code, 1);
    assert.equal(end.stdout, 'exits | tick\nexits | tick\nexits | exit 3\n');
    assert.match(end.stderr, /^tulipa: 2\.5 s simulated with seed 0; exits ended with exit code 3\n/);
    assert.match(
      end.stderr,
      /tulipa: The program on exits ended with exit code 3\nAgain: .* simulate --seed 0 \S+exits\.mjs\n$/,
    );
  });

  for (const [what, text, code] of [
    ['an error', "setTimeout(() => { throw new TypeError('broken'); }, 10);", 1],
    ['an event of an error', "import { connect } from 'node:net'; connect('/broken');", 1],
    ['a rejection', "import('node:fs/promises').then(({ readFile }) => readFile('/broken'));", 1],
    ['an exit code', 'process.exitCode = 5; setTimeout(() => {}, 10);', 5],
    ['a module that is not there', "import './broken.mjs';", 1],
    ['a wait at the top that never ends', 'await new Promise(() => {});', 13],
  ] as const) {
    it(`fails where a program ends by ${what}`, async (test) => {
      const end = await simulate(test, written(test, { 'fails.mjs': text }));
      assert.equal(end.code, 1);
      assert.match(end.stderr, new RegExp(`fails ended with exit code ${code}\n`));
      assert.doesNotMatch(end.stdout, /src\/testing/);
      if (text.includes('broken')) assert.match(end.stderr, /fails \| Uncaught .*broken/);
    });
  }

  it('tells a program of its own errors, ends and signals, if it listens', async (test) => {
    const file = written(test, {
      'listens.mjs': `
        process.on('uncaughtException', (error, origin) => console.log(error.message, origin));
        process.on('unhandledRejection', (error) => console.log('rejected', error.message));
        process.once('beforeExit', () => setTimeout(() => console.log('one more'), 10));
        process.on('SIGUSR2', (signal, number) => console.log(signal, number));
        Promise.reject(new Error('nobody'));
        setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 5);
        setTimeout(() => { throw new Error('thrown'); }, 10);`,
    });
    const end = await simulate(test, file);
    assert.deepEqual(
      [end.code, linesOf(end.stdout)],
      [
        0,
        ['rejected nobody', 'SIGUSR2 12', 'thrown uncaughtException', 'one more'].map(
          (line) => `listens | ${line}`,
        ),
      ],
    );
  });

  it('refuses what is real, loudly, even if the program catches it', async (test) => {
    for (const [text, what] of [
      ["require('node:child_process').spawn('true')", 'a child process'],
      ["require('node:dgram').createSocket('udp4').bind(0)", 'a datagram socket'],
      ["new (require('node:tls').TLSSocket)().connect(1)", 'a socket'],
      ["new (require('node:worker_threads').Worker)('1', { eval: true })", 'a thread'],
    ] as const) {
      const end = await simulate(test, written(test, { 'real.cjs': `try { ${text}; } catch {}` }));
      assert.equal(end.code, 1, text);
      assert.match(end.stderr, new RegExp(`tulipa: Cannot have ${what}: this is a simulation`));
      assert.match(end.stderr, /real\.cjs:1:/);
    }
  });

  it('has faults happen when they are planned to, and programs know them by their signals', async (test) => {
    const shop = `shop=${fixture('shop')}`;
    const faults = 'crash shop at 500ms for 2s, SIGTERM shop at 20s';
    const end = await simulate(test, '--host', shop, '--faults', faults);
    assert.equal(end.code, 0, end.stderr);
    assert.deepEqual(linesOf(end.stdout), [
      'shop | listens on 8080',
      'shop | listens on 8080',
      'shop | stops by SIGTERM 15',
    ]);
    const ticks = written(test, { 'ticks.mjs': "setInterval(() => console.log('tick'), 1000);" });
    const interrupted = await simulate(test, '--faults', 'SIGINT ticks at 2500ms', ticks);
    assert.deepEqual([interrupted.code, interrupted.stdout], [1, 'ticks | tick\nticks | tick\n']);
    assert.match(interrupted.stderr, /ticks ended with exit code 130/);
  });

  it('ends by itself when nothing can happen any more, or when time is up', async (test) => {
    const shop = `shop=${fixture('shop')}`;
    const quiet = await simulate(test, '--host', shop);
    assert.deepEqual([quiet.code, quiet.stdout], [0, 'shop | listens on 8080\n']);
    const ticks = written(test, { 'ticks.mjs': "setInterval(() => console.log('tick'), 60_000);" });
    const host = await simulate(test, '--host', `a=${ticks}`, '--until', '3min');
    assert.deepEqual([host.code, host.stdout], [0, 'a | tick\n'.repeat(3)]);
    const main = await simulate(test, '--until', '3min', ticks);
    assert.equal(main.code, 1);
    assert.match(main.stderr, /180000 ms have gone by, and the program on ticks has not ended/);
  });

  it('finds by --seeds how programs fail, makes that simple, and tells the command that repeats it', async (test) => {
    const counter = `counter=${fixture('counter')}`;
    const flags = ['--host', counter, '--seeds', '200', '--shrink', '3s'];
    const end = await simulate(test, ...flags, fixture('incrementer'));
    assert.equal(end.code, 1, end.stderr);
    assert.match(end.stderr, /Error: An increment was lost: 1 of 2/);
    assert.match(end.stderr, /It (?:takes \d+ of the \d+ choices|fails in the plain course)/);
    const [, token = ''] = /Again:\n {2}.* simulate --seed (\S+) --host /.exec(end.stderr) ?? [];
    const again = await simulate(test, '--seed', token, '--host', counter, fixture('incrementer'));
    assert.equal(again.code, 1);
    assert.match(again.stderr, /An increment was lost: 1 of 2/);
  });

  it('says how many seeds do not fail', async (test) => {
    const file = written(test, { 'fine.mjs': 'setTimeout(() => {}, 1000);' });
    const end = await simulate(test, '--seeds', '4', '--faults', 'pause 1/s for 10ms-20ms, on fine', file);
    assert.deepEqual([end.code, end.stdout], [0, '']);
    assert.match(end.stderr, /^tulipa: 4 seeds, and none fails: 4(?:\.\d+)? s simulated in /);
  });

  const wrongLines: [string[], RegExp][] = [
    [[], /no program was given/],
    [['bogus.js'], /Cannot simulate bogus\.js: there is no such file/],
    [['--host', 'bogus'], /'bogus': it is not of the form name=program/],
    [['--host', 'test=package.json'], /cannot be named 'test'/],
    [['--host', 'a=package.json', '--host', 'a=package.json'], /two hosts named 'a'/],
    [['--faults', 'crash b at 1s', 'package.json'], /there is no host 'b'/],
    [['--faults', 'crash package', 'package.json'], /'crash package' is none/],
    [['--link', 'speed 5', 'package.json'], /of a link there are/],
    [['--seed', 'x', 'package.json'], /Cannot replay 'x'/],
    [['--trace', 'x.png', 'package.json'], /ends neither in \.html nor in \.txt/],
    [['--until', 'late', 'package.json'], /'late': it is no time/],
    [['--shrink', '5', 'package.json'], /'5': it is no time/],
  ];
  for (const [args, complaint] of wrongLines) {
    it(`refuses: simulate ${args.join(' ')}`, async (test) => {
      const end = await simulate(test, ...args);
      assert.match(end.stderr, complaint);
      assert.match(end.stderr, /^tulipa: [^\n]*\n$/);
      assert.deepEqual([end.code, end.stdout], [1, '']);
    });
  }
});

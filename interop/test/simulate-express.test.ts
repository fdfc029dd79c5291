import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { programFile } from '../child-program.ts';

// Express with pg, what it asks, and who asks it by `fetch`: three programs that know of no loop but Node's, unmodified.

const database = programFile('programs/database.ts');
const shop = ['--host', `shop=${programFile('programs/shop.ts')}`];
const customer = programFile('programs/customer.ts');
const folder = mkdtempSync(path.join(tmpdir(), 'tulipa-'));
after(() => rmSync(folder, { recursive: true }));

interface End {
  code: number;
  stdout: string;
  stderr: string;
}

function simulate(...args: string[]): Promise<End> {
  const command = ['--conditions=source', programFile('../src/cli/main.ts'), 'simulate', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

const linesOf = (host: string, { stdout }: End) =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith(`${host} `))
    .map((line) => line.slice(line.indexOf('| ') + 2));

describe('tulipa simulate of Express, fetch and pg', { concurrency: 2 }, () => {
  it('runs them with no line changed, through faults, in virtual time, the same each time', async () => {
    const faults =
      'crash shop at 100ms for 1s, partition shop database at 5s for 4s, pause database at 12s for 3s';
    const ends: [End, string][] = [];
    for (const name of ['one.txt', 'two.txt']) {
      const trace = path.join(folder, name);
      const hosts = ['--host', `database=${database}`, ...shop];
      const end = await simulate(...hosts, '--seed', '3', '--faults', faults, '--trace', trace, customer);
      ends.push([end, readFileSync(trace, 'utf8')]);
    }
    const [[end, trace], [again, sameTrace]] = ends as [[End, string], [End, string]];
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.deepEqual(again.stdout, end.stdout);
    assert.ok(sameTrace === trace, 'another trace');
    const said = linesOf('customer', end);
    assert.match(said.at(-1) ?? '', /^has ordered 6 in \d+ s$/);
    assert.ok(said.includes('/orders TypeError ECONNRESET'), end.stdout);
    assert.deepEqual(linesOf('shop', end).filter((line) => line === 'is open').length, 2);
    assert.ok(
      linesOf('shop', end).some((line) => line.startsWith('cannot ask the database')),
      end.stdout,
    );
    assert.match(trace, /shop +--> database #\d+ +data \d+ bytes → database:5432/);
  });

  it('finds by seeds that a database which takes an order twice does, and what repeats it', async () => {
    const hosts = ['--host', `database=${database} careless`, ...shop];
    const faults = ['--faults', 'partition 6/min for 1s-4s, until 20s'];
    const found = await simulate(...hosts, ...faults, '--seeds', '5', '--shrink', '100ms', customer);
    assert.equal(found.code, 1, found.stderr);
    assert.match(found.stderr, /An order was lost, or taken twice/);
    const [, token = ''] = /Again:\n {2}.* simulate --seed (\S+) /.exec(found.stderr) ?? [];
    const again = await simulate(...hosts, ...faults, '--seed', token, customer);
    assert.equal(again.code, 1, again.stderr);
    assert.match(again.stdout + again.stderr, /An order was lost, or taken twice/);
  });
});

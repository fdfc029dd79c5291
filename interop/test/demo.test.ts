import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pythonPackages } from '../python-packages.ts';

const demo = fileURLToPath(new URL('../demo/run.ts', import.meta.url));

const absent = [
  existsSync(pythonPackages) ? null : 'pip',
  globSync('/usr/lib/postgresql/*/bin/postgres').length > 0 ? null : 'PostgreSQL',
].find((name) => name !== null);
if (absent !== undefined && process.env['CI'] !== undefined)
  throw new Error(`Cannot run the demo: ${absent} is not installed`);

async function output(driver: string): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [demo, `--${driver}`], {
    timeout: 60_000,
  });
  assert.equal(stderr, '');
  return stdout.split('\n');
}

/** What `lines` say of hops, after the line that begins with `heading`. */
function hops(lines: readonly string[], heading: string, driver: string): string[] {
  const begin = lines.findIndex((line) => line.startsWith(heading));
  assert.ok(begin >= 0, lines.join('\n'));
  const rest = lines.slice(begin + 1);
  const own = rest.slice(0, rest.indexOf(''));
  return own
    .filter((line) => line.includes('→'))
    .map((line) => {
      assert.ok(line.startsWith(`  [${driver}] `), line);
      return line.slice(`  [${driver}] `.length).replace(/ {2,}.*/, '');
    });
}

describe('the demo', { skip: absent === undefined ? false : `${absent} is not installed here` }, () => {
  it('asks from Effect through aiohttp, Express and pg, tells Twisted, and takes a question back', async () => {
    // Of two, for the time that each takes: the one whose sockets are not the host's.
    const driver = 'epoll';
    const lines = await output(driver);
    const there = ['Effect → Python', 'aiohttp → Express', 'Express → PostgreSQL'];
    const one = [
      ...there,
      ...[
        'PostgreSQL → Express',
        'Express → Twisted',
        'Twisted → Express',
        'Express → aiohttp',
        'aiohttp → Effect',
      ],
    ];
    assert.deepEqual(hops(lines, 'A fiber of Effect', driver), one);
    const three = hops(lines, 'Three at once', driver);
    assert.deepEqual(three.toSorted(), [...one, ...one, ...one].toSorted());
    assert.ok(lines.includes('  Queen of Night, Semper Augustus, Viceroy'), lines.join('\n'));
    const late = hops(lines, 'A time-out of Effect', driver);
    assert.deepEqual(late.slice(0, 4), [...there, 'Python → aiohttp']);
    assert.deepEqual(late.slice(4).toSorted(), [
      'Effect → its caller',
      'Express → PostgreSQL',
      'PostgreSQL → Express',
    ]);
    assert.match(lines.join('\n'), /CancelledError raised in ask\(\)/);
    assert.match(lines.join('\n'), /canceling statement due to user request/);
    assert.ok(lines.includes("Connections of libuv's own: 0"), lines.join('\n'));
  });
});

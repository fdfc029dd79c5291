import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { programCommand, repositoryRoot } from './support/run-program.ts';

interface Figure {
  readonly candidate: string;
  readonly case: string;
  readonly unit: string;
  readonly median: number | null;
  readonly ratio: number | null;
}

interface Answer {
  readonly name: string;
  readonly baseline: string;
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

const names = [
  'echo',
  'connections',
  'idle',
  'lateness',
  'turned-host',
  'switch',
  'deep',
  'spawn',
  'gather',
  'cancel',
  'timers',
  'call-soon',
  'stream-socket',
  'debug-overhead',
  'peers',
  'simulation',
];

/** Seconds of work; the limit is for a machine that has other things to do. */
const timeout = 115_000;

/** Claims to be quick, and has done one operation less than it was asked to. */
const wrongPeer = `
console.log(JSON.stringify({ version: 'none', cases: ['lock'] }));
process.stdin.on('data', (line) => {
  console.log(JSON.stringify({ cpuMilliseconds: 1, sum: JSON.parse(line).count - 1 }));
});
`;

/** Runs benchmarks with `--quick`, and returns what they print and what they write. */
async function runQuickly(...args: string[]): Promise<{ printed: string; answers: Answer[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'tulipa-bench-test-'));
  try {
    const file = join(folder, 'figures.json');
    const program = programCommand('bench/index.ts', '--quick', '--json', file, ...args);
    const { stdout } = await promisify(execFile)(program.command, program.args, {
      cwd: repositoryRoot,
      timeout: timeout * 0.8,
    });
    const { answers } = JSON.parse(await readFile(file, 'utf8')) as { answers: Answer[] };
    return { printed: stdout, answers };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** JSON writes null for what is not finite, so that null is what to look for. */
function assertFinite({ name, baseline, figures }: Answer): void {
  assert.notEqual(figures.length, 0, name);
  for (const figure of figures) {
    const what = `${name}: ${figure.candidate}, ${figure.case}: ${figure.median} ${figure.unit}`;
    // So few connections may leave the process smaller than it was.
    const mayShrink = figure.unit.startsWith('bytes');
    assert.ok(figure.median !== null && (mayShrink || figure.median > 0), what);
    const compared = figures.some((other) => other.candidate === baseline && other.case === figure.case);
    if (compared) {
      assert.ok(figure.ratio !== null && (mayShrink || figure.ratio > 0), `${what}, ratio ${figure.ratio}`);
    }
  }
}

describe('npm run bench', { timeout }, () => {
  it('asks every question, and each answer is finite figures', async () => {
    const { printed, answers } = await runQuickly('--markdown');
    assert.deepEqual(
      answers.map(({ name }) => name),
      names,
    );
    for (const answer of answers) assertFinite(answer);
    const echo = answers[0] as Answer;
    if (!echo.notes.some((note) => note.startsWith('No CPU time'))) {
      assert.ok(echo.figures.some(({ unit }) => unit === 'CPU µs/message'));
    }
    assert.match(printed, /^Node v\d+\.\d+\.\d+, \w+ \w+, \d+ × .+, \d{4}-\d\d-\d\d\n/);
    assert.match(
      printed,
      /^\| ns\/operation +\| +turn \| +future \| +done \|\n\| -+ \| -+: \| -+: \| -+: \|\n/m,
    );
  });

  it('measures echo servers by a client in TypeScript where there is no C compiler', async () => {
    const { answers } = await runQuickly('echo', '--load', 'node', '--depth', '2', '--sizes', '5000');
    const [answer] = answers;
    assert.ok(answer !== undefined && answers.length === 1);
    assertFinite(answer);
    assert.match(answer.notes.join('\n'), /The client is echo\/load\.ts/);
  });

  it('leaves out a peer that is not installed, and says so', async () => {
    const { printed, answers } = await runQuickly('peers', '--case', 'lock', '--python', 'no-such-python');
    const [answer] = answers;
    assert.ok(answer !== undefined && answers.length === 1);
    assertFinite(answer);
    const candidates = answer.figures.map(({ candidate }) => candidate);
    assert.deepEqual(candidates.slice(0, 2), ['generator', 'async function']);
    assert.match(answer.notes.join('\n'), /^Skipped: asyncio \(.*no-such-python.*\)$/m);
    assert.match(printed, /^!! Skipped: asyncio/m);
  });

  it('compares nobody whose sum is wrong', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tulipa-bench-test-'));
    try {
      const program = join(folder, 'python');
      await writeFile(program, `#!${process.execPath}\n${wrongPeer}`, { mode: 0o755 });
      await assert.rejects(
        runQuickly('peers', '--case', 'lock', '--python', program),
        /Cannot compare (?:asyncio|uvloop), lock: its sum is 999, not 1000/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses a benchmark that there is not, and names those there are', async () => {
    await assert.rejects(runQuickly('ecoh'), /Cannot run ecoh: the benchmarks are echo, connections/);
  });
});

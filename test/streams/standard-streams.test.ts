import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { realKinds } from '../contract/kinds.ts';
import { openTerminal } from '../contract/raw-pipes.ts';
import { programCommand } from '../support/run-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulipa-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface State {
  lines: number;
  blocking: boolean[];
}

/** What the program has copied, and what it says at last. */
function parse(output: string): { copied: string; state: State } {
  const lines = output.trimEnd().split('\n');
  const state = JSON.parse(lines.pop() as string) as State;
  return { copied: lines.map((line) => `${line}\n`).join(''), state };
}

for (const kind of realKinds) {
  if (kind.driver === 'node') continue;
  const { driver, runner } = kind;
  const { command, args } = programCommand('test/support/programs/standard-streams.ts', driver, runner);

  /** Runs a line of shell, in which `program` is the program. */
  const shell = (line: string) => {
    const program = [command, ...args].map((word) => `'${word}'`).join(' ');
    const child = spawnSync('/bin/sh', ['-c', line.replaceAll('program', program)], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(child.stderr, '');
    return child.stdout;
  };

  describe(`the standard streams on the ${kind} loop`, () => {
    it('may be pipes, which go on blocking for others', () => {
      const { copied, state } = parse(shell("printf 'one\\ntwo\\n' | program | cat"));
      assert.equal(copied, 'one\ntwo\n');
      assert.deepEqual(state, { lines: 2, blocking: [true, true] });
    });

    it('may be files, to which others have written before', () => {
      const [input, output] = [
        join(folder, `${driver}-${runner}-in`),
        join(folder, `${driver}-${runner}-out`),
      ];
      const content = Array.from({ length: 30_000 }, (_, index) => `line ${index}\n`).join('');
      writeFileSync(input, content);
      assert.equal(shell(`{ echo before; program; echo after; } < '${input}' > '${output}'`), '');
      const lines = readFileSync(output, 'utf8').split('\n');
      assert.equal(lines.shift(), 'before');
      assert.equal(lines.pop(), '');
      assert.equal(lines.pop(), 'after');
      const { copied, state } = parse(lines.join('\n'));
      assert.equal(copied, content);
      assert.deepEqual(state, { lines: 30_000, blocking: [true, true] });
    });

    it('may be /dev/null', () => {
      assert.deepEqual(parse(shell('program < /dev/null')).state.lines, 0);
      assert.equal(shell('echo x | program > /dev/null'), '');
    });

    it('may be sockets', () => {
      // Node's own pipes are.
      const child = spawnSync(command, args, { input: 'one\n', encoding: 'utf8', timeout: 30_000 });
      assert.equal(child.stderr, '');
      const { copied, state } = parse(child.stdout);
      assert.deepEqual([copied, state.lines], ['one\n', 1]);
    });

    it('may be a terminal, which goes on blocking for the shell', async (test) => {
      const terminal = openTerminal();
      if (terminal === null) {
        test.skip('no pseudo-terminals here');
        return;
      }
      const { master, slave } = terminal;
      const child: ChildProcess = spawn(command, args, { stdio: [slave, slave, 'inherit'], timeout: 30_000 });
      const ended = once(child, 'exit');
      // Typed ahead: the terminal keeps it until it is read. Control-D is the end.
      writeFileSync(master, 'typed\n\x04');
      assert.deepEqual(await ended, [0, null]);
      closeSync(slave);
      const buffer = new Uint8Array(4096);
      const shown = Buffer.from(buffer.subarray(0, readSync(master, buffer)))
        .toString()
        .replaceAll(/[\r\b]/g, '');
      closeSync(master);
      const { copied, state } = parse(shown.slice(shown.indexOf('typed')));
      assert.match(copied, /^typed\n(\^D)?typed\n$/, 'echoed by the terminal, then copied');
      assert.deepEqual(state, { lines: 1, blocking: [true, true] });
    });
  });
}

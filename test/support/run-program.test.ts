import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { programCommand, repositoryRoot, runMode } from './run-program.ts';

function run(file: string, ...args: string[]) {
  const { command, args: commandArgs } = programCommand(file, ...args);
  const { stdout, stderr, status } = spawnSync(command, commandArgs, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function urlOf(file: string): string {
  return pathToFileURL(join(repositoryRoot, file)).href;
}

describe('programCommand', () => {
  it('finds the repository in both modes', () => {
    assert.ok(existsSync(join(repositoryRoot, 'package.json')));
    assert.ok(existsSync(join(repositoryRoot, 'test', 'support', 'run-program.ts')));
  });

  it('starts a program with the arguments given and with the Node of the test', () => {
    const report = run('test/support/programs/report-mode.ts', '--port', '0');
    assert.deepEqual(report.arguments, ['--port', '0']);
    assert.equal(report.node, process.version);
  });

  it('gives a program the package as the test itself has it', () => {
    const report = run('test/support/programs/report-mode.ts');
    assert.equal(report.tulipa, import.meta.resolve('tulipa'));
    assert.equal(report.tulipa, urlOf(runMode === 'source' ? 'src/index.ts' : 'dist/index.js'));
  });

  it('names the compiled file of the command in compat mode', () => {
    const { args } = programCommand('src/cli/main.ts');
    assert.equal(
      args.at(-1),
      join(repositoryRoot, runMode === 'source' ? 'src/cli/main.ts' : 'dist/cli/main.js'),
    );
  });

  it('refuses what is no program of the repository', () => {
    assert.throws(() => programCommand('examples/echo.js'), RangeError);
    assert.throws(() => programCommand('../examples/echo.ts'), RangeError);
  });
});

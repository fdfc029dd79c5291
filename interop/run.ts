/**
 * Runs the library with the frameworks that are installed here, and writes docs/interoperation.md.
 *
 *     npm run test:interop              everything
 *     npm run test:interop -- rxjs pg   only the test files whose name has one of these words; the page stays as it is
 *
 * Where CI is set, a page that does not tell what has come out is a failure.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { install, mustSucceed } from './install.ts';
import { type Cell, pageWith } from './matrix.ts';
import { installPythonForTests } from './python-packages.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const page = fileURLToPath(new URL('../docs/interoperation.md', import.meta.url));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

process.chdir(here);
const words = process.argv.slice(2);
install();
installPythonForTests();
// Who tries a few does not wait for the types of all.
for (const project of words.length === 0 ? ['tsconfig.json', 'tsconfig.effect3.json'] : []) {
  mustSucceed(process.execPath, [tsc, '-p', project]);
}
const files = globSync('test/*.test.ts')
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) throw new Error('Cannot run the tests: no test file matches');
const { passed, cells } = runTests();
process.exitCode = passed ? 0 : 1;
if (passed && words.length === 0) write(cells);

function runTests(): { passed: boolean; cells: Cell[] } {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-interop-'));
  try {
    const results = join(folder, 'cells.json');
    const { status } = spawnSync(
      process.execPath,
      [
        '--conditions=source',
        `--import=${pathToFileURL(join(here, 'resolve.ts')).href}`,
        '--test',
        '--test-timeout=120000',
        // Some frameworks leave timers behind that would keep the process for ever.
        '--test-force-exit',
        '--test-concurrency=2',
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        `--test-reporter=${pathToFileURL(join(here, 'matrix-reporter.ts')).href}`,
        `--test-reporter-destination=${results}`,
        ...files,
      ],
      { stdio: 'inherit' },
    );
    return { passed: status === 0, cells: JSON.parse(readFileSync(results, 'utf8')) as Cell[] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function write(cells: readonly Cell[]): void {
  const before = readFileSync(page, 'utf8');
  const after = pageWith(before, cells);
  if (after === before) return;
  if (process.env['CI'] !== undefined) {
    console.error('docs/interoperation.md does not tell what has come out: run `npm run test:interop`');
    process.exitCode = 1;
    return;
  }
  writeFileSync(page, after);
}

/**
 * Runs the whole test suite against the built package on the oldest Node it supports.
 *
 * Development uses the pinned Node from `node_modules/.bin`, which runs TypeScript. This script looks past it for
 * the Node of the machine (20 to 22), compiles the tests for that one, and runs them on `dist/`:
 *
 *     .compat/test/…       tests, compiled          import 'tulipa'           -> package.json exports -> dist/
 *     .compat/examples/…   examples, compiled       import '../../src/x.js'   -> .compat/src/x.js     -> dist/x.js
 *     .compat/src          a link to dist/
 *
 * Both ways end in the same file, and Node knows modules by their real path, so no module exists twice.
 * Decision and alternatives: docs/decisions/0007-compatibility-run.md.
 *
 *     npm run test:compat                 everything
 *     npm run test:compat -- loop timers  only the test files whose path has one of these words
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { environmentFor, oldNode } from './old-node.ts';
import { runTests } from './run-tests.ts';

const COMPILED_FOLDERS = ['test', 'examples', 'bench'];

/** What would find nothing here that `npm test` has not found: each is about sources, or what only the pinned Node runs. */
const NOT_AGAIN: Readonly<Record<string, string>> = {
  'architecture.test.js': 'reads the sources',
  'behaviours.test.js': 'reads the tests and the documents',
  'bench.test.js': 'runs the benchmarks, which the pinned Node alone does',
  'no-sleeps.test.js': 'reads the tests',
};

/** `npm test` has looked long; here is looked for what is different on an old Node, unless the environment says more. */
const FEWER_ROUNDS = { LEAK_ROUNDS: '10000', PROPERTY_RUNS_FACTOR: '0.25' };

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, '.compat');

function main(): number {
  const node = oldNode('test:compat');
  if (node === null) return process.env['CI'] === 'true' ? 1 : 0;

  compile();
  const words = process.argv.slice(2);
  const tests = listFiles(join(output, 'test'))
    .filter((file) => file.endsWith('.test.js') && !Object.hasOwn(NOT_AGAIN, file))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .map((file) => join('.compat', 'test', file))
    .sort();
  if (tests.length === 0) throw new Error('Cannot run the compatibility suite: no test file matches');

  process.stdout.write(`test:compat: ${tests.length} test files on Node ${node.version} (${node.path})\n`);
  for (const [file, why] of Object.entries(NOT_AGAIN)) {
    if (!existsSync(join(output, 'test', file)))
      throw new Error(`Cannot run the compatibility suite: there is no ${file} to leave out`);
    process.stdout.write(`test:compat: not again: ${file}, which ${why}\n`);
  }
  process.chdir(root);
  const reporter = pathToFileURL(join(output, 'scripts', 'test-report.js')).href;
  return runTests(node.path, reporter, tests, { env: { ...FEWER_ROUNDS, ...environmentFor(node) } });
}

/** Fills `.compat/` anew. */
function compile(): void {
  if (!existsSync(join(root, 'dist', 'index.js'))) {
    throw new Error(
      'Cannot run the compatibility suite: dist/index.js is missing, run "npm run build" first',
    );
  }
  rmSync(output, { recursive: true, force: true });
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.compat.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('Cannot run the compatibility suite: the tests did not compile');
  if (existsSync(join(output, 'src'))) {
    throw new Error('Cannot run the compatibility suite: src/ was compiled a second time, into .compat/src');
  }
  symlinkSync(join('..', 'dist'), join(output, 'src'), 'dir');
  for (const folder of COMPILED_FOLDERS) copyFixtures(folder);
}

/** Certificates, recorded bytes and other files that are not TypeScript lie beside the tests that read them. */
function copyFixtures(folder: string): void {
  for (const file of listFiles(join(root, folder))) {
    if (extname(file) === '.ts') continue;
    const target = join(output, folder, file);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, folder, file), target);
  }
}

/** Every file below `directory`, relative to it, but none of installed packages; nothing if it does not exist. */
function listFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((file) => !file.includes('node_modules'));
}

process.exitCode = main();

/**
 * Runs the tests of the frameworks on the oldest Node that the library supports, with the built package installed beside
 * them, as a user has it:
 *
 *     .compat/installed/interop/test/…           tests, compiled
 *     .compat/installed/node_modules/tulipa/     what would be published
 *     .compat/installed/node_modules/…           links to the frameworks of interop/node_modules
 *     .compat/installed/src                      a link to the package's dist/, for tests that look inside
 *
 *     npm run test:interop:compat            everything
 *     npm run test:interop:compat -- pg ws   only the test files whose name has one of these words
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentFor, type FoundNode, oldNode } from '../scripts/old-node.ts';
import { install, mustSucceed } from './install.ts';
import { installPythonForTests } from './python-packages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = join(root, 'interop');
const output = join(root, '.compat', 'installed');

/** What is not run, and why. */
const leftOut: Readonly<Record<string, string>> = {
  'demo.test.js': 'what it runs are sources',
  'matrix.test.js': 'it is about the page that `npm run test:interop` writes',
  'suites.test.js': 'it is about the tools of interop/suites, which the pinned Node alone runs',
  'twisted.test.js': 'Twisted does not run on Node 20 yet: Pyodide fails with the packages that pip installs',
};

function main(): number {
  const node = oldNode('test:interop:compat');
  if (node === null) return process.env['CI'] === undefined ? 0 : 1;
  process.chdir(here);
  install();
  installPythonForTests();
  compile();
  installPackage();
  const words = process.argv.slice(2);
  const files = globSync('interop/test/*.test.js', { cwd: output })
    .filter((file) => words.length === 0 || words.some((word) => basename(file).includes(word)))
    .sort();
  for (const [file, why] of Object.entries(leftOut)) {
    if (!existsSync(join(output, 'interop', 'test', file)))
      throw new Error(`Cannot run the tests: there is no ${file} to leave out`);
    console.log(`test:interop:compat: left out: ${file}: ${why}`);
  }
  const chosen = files.filter((file) => !Object.hasOwn(leftOut, basename(file)));
  if (chosen.length === 0) throw new Error('Cannot run the tests: no test file matches');
  console.log(`test:interop:compat: ${chosen.length} test files on Node ${node.version} (${node.path})`);
  return runTests(node, chosen);
}

function compile(): void {
  rmSync(output, { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  mustSucceed(process.execPath, [tsc, '-p', 'tsconfig.compat.json']);
  // Or the modules would be the library's own, whose name would mean what lies around them.
  writeFileSync(join(output, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  for (const file of globSync('*.py', { cwd: here }))
    copyFileSync(join(here, file), join(output, 'interop', file));
}

/** Frameworks are linked, as copying them takes longer than all else. */
function installPackage(): void {
  if (!existsSync(join(root, 'dist', 'index.js')))
    throw new Error('Cannot run the tests: dist/index.js is missing, run "npm run build" first');
  const modules = join(output, 'node_modules');
  const frameworks = join(here, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(frameworks)) {
    if (!name.startsWith('.')) symlinkSync(join(frameworks, name), join(modules, name));
  }
  const library = join(modules, 'tulipa');
  mkdirSync(library);
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
  for (const name of ['package.json', ...files])
    cpSync(join(root, name), join(library, name), { recursive: true });
  symlinkSync(join(library, 'dist'), join(output, 'src'));
  // Both versions of Effect are named `effect` by those who use them.
  const older = join(library, 'dist', 'adapters', 'effect3', 'node_modules');
  mkdirSync(older);
  symlinkSync(join(frameworks, 'effect3'), join(older, 'effect'));
}

function runTests(node: FoundNode, files: readonly string[]): number {
  const { status } = spawnSync(
    node.path,
    [
      '--test',
      '--test-force-exit',
      '--test-timeout=120000',
      '--test-concurrency=2',
      '--test-reporter=spec',
      ...files,
    ],
    { stdio: 'inherit', cwd: output, env: environmentFor(node) },
  );
  return status ?? 1;
}

process.exitCode = main();

/**
 * Runs the test suite on the unbuilt sources.
 *
 *     npm run test:unit                 everything
 *     npm run test:unit -- loop timers  only the test files whose path has one of these words
 */
import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runTests } from './run-tests.ts';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const words = process.argv.slice(2);
const files = globSync('test/**/*.test.ts').filter(
  (file) => words.length === 0 || words.some((word) => file.includes(word)),
);
if (files.length === 0) throw new Error('Cannot run the tests: no test file matches');
const reporter = pathToFileURL('scripts/test-report.ts').href;
process.exitCode = runTests(process.execPath, reporter, files, { nodeOptions: ['--conditions=source'] });

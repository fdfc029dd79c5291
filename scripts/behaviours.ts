/**
 * Writes the coverage of the behaviours anew: which ids of the specification the tests name, which ones ours does in
 * another way (docs/behaviours.md), and which are missing. A test fails while the committed page is stale.
 *
 *     npm run behaviours
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COVERAGE_FILE, coverageNow } from '../test/support/behaviours-files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const coverage = coverageNow(root);
writeFileSync(join(root, COVERAGE_FILE), coverage);
const total = coverage.split('\n').find((line) => line.startsWith('| **all**'));
process.stdout.write(`${COVERAGE_FILE}: ${total}\n`);

/** Where the behaviours table is read from and written to. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import {
  addPlaces,
  findDifferingIds,
  findNamedIds,
  type Places,
  type Specification,
  writeCoverage,
} from './behaviours.ts';

const SPECIFICATION_FILE = 'docs/behaviours-ids.json';
const DIFFERENCES_FILE = 'docs/behaviours.md';
export const COVERAGE_FILE = 'docs/behaviours-coverage.md';

/**
 * What {@link COVERAGE_FILE} is to say at present.
 *
 * @param root the repository's top folder
 * @throws {RangeError} a test or a row names what the specification does not have
 */
export function coverageNow(root: string): string {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const specification = JSON.parse(read(SPECIFICATION_FILE)) as Specification;
  const named: Places = new Map();
  for (const file of readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.ts')) continue;
    const path = ['test', ...file.split(sep)].join('/');
    for (const [id, places] of findNamedIds(path, read(path), specification)) addPlaces(named, id, places);
  }
  const differing = findDifferingIds(DIFFERENCES_FILE, read(DIFFERENCES_FILE), specification);
  return writeCoverage(specification, named, differing);
}

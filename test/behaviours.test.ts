import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  findDifferingIds,
  findIds,
  findNamedIds,
  type Specification,
  writeCoverage,
} from './support/behaviours.ts';
import { COVERAGE_FILE, coverageNow } from './support/behaviours-files.ts';
import { repositoryRoot } from './support/run-program.ts';

const specification: Specification = {
  ZOO: { about: 'animals', numbers: [1, 2, 3, 4, 6] },
  T13: { about: 'old animals', numbers: [1, 9] },
};

/** `$1` is an id of the group ZOO: written out, this file would be found to name it. */
function source(text: string): string {
  return text.replace(/\$(\d)/g, 'B-ZOO-00$1').replace(/£(\d)/g, 'B-T13-00$1');
}

function ids(text: string): string[] {
  return findIds(source(text), specification).map((id) => id.replace(/^B-ZOO-00/, ''));
}

function named(text: string): string[] {
  return [...findNamedIds('a.test.ts', source(text), specification)].map(
    ([id, places]) => `${id.replace(/^B-ZOO-00/, '')}@${places.map((place) => place.split(':')[1])}`,
  );
}

describe('the behaviours table', () => {
  it('is up to date; if not, run `npm run behaviours`', () => {
    assert.equal(readFileSync(join(repositoryRoot, COVERAGE_FILE), 'utf8'), coverageNow(repositoryRoot));
  });

  it('reads single ids, lists and ranges', () => {
    assert.deepEqual(ids('no id at all, B- neither'), []);
    assert.deepEqual(ids('does this ($1)'), ['1']);
    assert.deepEqual(ids('$1, $3'), ['1', '3']);
    assert.deepEqual(ids('$1, 003 and 004'), ['1', '3', '4']);
    assert.deepEqual(ids('$1/002'), ['1', '2']);
    for (const range of ['$2 to 006', '$2 to $6', '$2–006', '$2–$6', '$2-006', '$2..006', '$2…$6']) {
      assert.deepEqual(ids(range).sort(), ['2', '3', '4', '6'], range);
    }
    assert.deepEqual(ids('$1 to 003, 006').sort(), ['1', '2', '3', '6']);
    assert.deepEqual(ids('$1, $2 and £9'), ['1', '2', source('£9')]);
  });

  it('takes no other number for an id', () => {
    assert.deepEqual(ids('($1), 100 times'), ['1']);
    assert.deepEqual(ids('$1 to 10 of them'), ['1']);
    assert.deepEqual(ids('$1, 1000 times'), ['1']);
  });

  it('refuses what the specification does not have', () => {
    assert.throws(() => ids('$5'), /B-ZOO-005/);
    assert.throws(() => ids('$1 to 005'), RangeError);
    assert.throws(() => ids(['B-CAT', '001'].join('-')), RangeError);
    assert.throws(() => ids('$4 to 002'), /ends before it begins/);
    assert.throws(() => named("\nit('x ($5)', () => {})"), /^RangeError: a\.test\.ts:2: .*B-ZOO-005/);
  });

  it('says which file it cannot read', () => {
    assert.throws(() => named("it('x"), /^SyntaxError: a\.test\.ts: /);
  });

  it('finds ids in the names of tests, however they are spelled', () => {
    assert.deepEqual(named("it('x ($1)', () => {});"), ['1@1']);
    assert.deepEqual(named('describe("x ($1)", () => {\n test(`y ($2)`, () => {});\n});'), ['1@1', '2@2']);
    assert.deepEqual(named('it(`$' + '{a} x ($1) $' + '{b ? "c" : `d $2`} ($3)`, run);'), [
      '1@1',
      '2@1',
      '3@1',
    ]);
    assert.deepEqual(named("for (const [name] of [['x ($1)'], ['y ($1)']])\n it(name, f);"), ['1@1,1']);
    assert.deepEqual(named("it('a ($1)', { timeout: 1000 }, f);"), ['1@1']);
  });

  it('takes no ids out of comments', () => {
    assert.deepEqual(named("// $1\n/* $2 */\nit('x', () => {}); /** it('$3') */"), []);
  });

  it('counts no test that is left out', () => {
    for (const left of [
      "it.todo('x ($1)');",
      "it.skip('x ($1)', () => {});",
      "it('x ($1)', { todo: 'the loop cannot yet' }, () => {});",
      "it('x ($1)', { timeout: 5, skip: true }, () => {});",
      'it(`x $' + '{y} ($1)`, { todo: true }, () => {});',
      "it(`x $' + '{f('a')} ($1)`, { todo: `why` }, () => {});",
    ]) {
      assert.deepEqual(named(left), [], left);
    }
    for (const kept of [
      "it('x ($1)', { skip: !onLinux && 'Linux only' }, () => {});",
      "it('x ($1)', { skip: false }, () => {});",
      "it('x ($1)', () => { f({ todo: true }); });",
      "it('x ($1)', { timeout: 5 }, () => { f({ todo: true }); });",
      "it('x ($1)', f); it('y', { todo: true }, f);",
    ]) {
      assert.deepEqual(named(kept), ['1@1'], kept);
    }
  });

  it('reads the rows of what differs', () => {
    const rows = (text: string) => [...findDifferingIds('b.md', source(text), specification).keys()];
    assert.deepEqual(rows('# $4\n\n| id | what |\n| --- | --- |\n| $1 to 003 | not $6 |\n'), [
      source('$1'),
      source('$3'),
      source('$2'),
    ]);
    assert.throws(() => rows('| $1 to 003 | a |\n| $2 | b |'), /B-ZOO-002.*b\.md:1 and b\.md:2/);
  });

  it('counts covered, differing and missing', () => {
    const page = writeCoverage(
      specification,
      findNamedIds('a.test.ts', source("it('x ($1, $2)', f)"), specification),
      findDifferingIds('b.md', source('| $2 | a |\n| $3 | b |'), specification),
    );
    assert.match(page, /\| B-ZOO \| animals \| 5 \| 1 \| 2 \(1\) \| 2 \|\n/);
    assert.match(page, /\| B-T13 \| old animals \| 2 \| 0 \| 0 \| 2 \|\n/);
    assert.match(page, /\| \*\*all\*\* \| \| 7 \| 1 \| 2 \(1\) \| 4 \|\n/);
    assert.match(page, /- B-ZOO: 004, 006\n- B-T13: 001, 009\n/);
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Cell, pageWith } from '../matrix.ts';
import matrixReporter from '../matrix-reporter.ts';

const page = new URL('../../docs/interoperation.md', import.meta.url);

function cell(framework: string, driver: Cell['driver'], changes: Partial<Cell> = {}): Cell {
  return { framework, driver, passed: 3, failed: 0, reason: null, absent: false, ...changes };
}

const begin = '<!-- matrix: `npm run test:interop` writes what follows -->';
const end = '<!-- end of the matrix -->';

describe('the page on interoperation', () => {
  it('has a place for the matrix, and keeps everything else', () => {
    const before = readFileSync(page, 'utf8');
    const after = pageWith(before, []);
    assert.equal(after.slice(0, after.indexOf(begin)), before.slice(0, before.indexOf(begin)));
    assert.throws(() => pageWith('no place', []), /no line/);
  });

  it('tells of each framework on each driver what passed, what failed, or why nothing was tried', () => {
    const text = pageWith(`a ${begin} old ${end} z`, [
      cell('b', 'node'),
      cell('b', 'epoll', { failed: 1 }),
      cell('b', 'simulation', { passed: 0, reason: 'it cannot' }),
      cell('a', 'node', { reason: 'one cannot' }),
    ]);
    assert.deepEqual(
      text.split('\n').filter((line) => line.startsWith('| ') && !line.includes('---')),
      [
        '| framework | node | epoll | simulation |',
        '| a | 3 passed; not all: one cannot |  |  |',
        '| b | 3 passed | **1 failed**, 3 passed | no: it cannot |',
      ],
    );
    assert.ok(text.startsWith(`a ${begin}`) && text.endsWith(`${end} z`));
    assert.equal(pageWith(text, [cell('b', 'node')]) === text, false);
  });

  it('keeps what it says of cells that could not be tried', () => {
    const before = pageWith(`${begin}${end}`, [cell('a', 'node', { passed: 7 })]);
    const absent = { passed: 0, reason: 'A is not installed here', absent: true };
    assert.equal(pageWith(before, [cell('a', 'node', absent)]), before);
    assert.match(pageWith(`${begin}${end}`, [cell('a', 'node', absent)]), /no: A is not installed here/);
  });
});

describe('the reporter of the matrix', () => {
  it('counts the tests of suites that are cells', async () => {
    const file = 'one.test.ts';
    async function* events() {
      const of = (type: string, name: string, nesting: number, more: object = {}) => ({
        type,
        data: { name, nesting, file, ...more },
      });
      yield of('test:pass', 'works', 1);
      yield of('test:fail', 'does not', 1);
      yield of('test:fail', 'a framework on node', 0, { details: { type: 'suite' } });
      yield of('test:pass', 'no way', 1, { skip: 'no way' });
      yield of('test:pass', 'a framework on simulation', 0, { details: { type: 'suite' } });
      yield of('test:pass', 'something else', 0);
    }
    let text = '';
    for await (const piece of matrixReporter(events())) text += piece;
    assert.deepEqual(JSON.parse(text), [
      cell('a framework', 'node', { passed: 1, failed: 1 }),
      cell('a framework', 'simulation', { passed: 0, reason: 'no way' }),
    ]);
  });
});

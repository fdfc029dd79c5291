import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countsOf, differences, type Outcome } from '../suites/outcome.ts';

const control: Outcome[] = [
  { name: 'well', result: 'passed' },
  { name: 'worse', result: 'passed' },
  { name: 'unwell', result: 'failed' },
  { name: 'never', result: 'passed' },
];

describe('the outcomes of a suite', () => {
  it('are compared with those of plain Node', () => {
    const here: Outcome[] = [
      { name: 'well', result: 'passed' },
      { name: 'worse', result: 'skipped' },
      { name: 'unwell', result: 'failed' },
      { name: 'mocha itself', result: 'failed', words: 'it ended early' },
    ];
    assert.deepEqual(differences(control, here), [
      { name: 'worse', result: 'skipped' },
      { name: 'mocha itself', result: 'failed', words: 'it ended early' },
      { name: 'never', result: 'missing' },
    ]);
    assert.deepEqual(differences(control, control), []);
  });

  it('are counted', () => {
    assert.deepEqual(countsOf(control), { passed: 3, failed: 1, skipped: 0, missing: 0 });
  });
});

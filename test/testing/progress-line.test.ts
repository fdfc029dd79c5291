import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProgressLine } from '../../src/testing/progress-line.ts';

describe('the progress of an exploration on a terminal', () => {
  it('is one line, written ten times a second at most, and cleared in the end', () => {
    let time = 0;
    let text = '';
    const line = new ProgressLine({ write: (part) => (text += part) }, () => time);
    const virtualTime = 12_345;
    line.show({ done: 1, total: 100, seed: 0, virtualTime });
    line.clear();
    assert.equal(text, '');
    time = 100;
    line.show({ done: 2, total: 100, seed: 1, virtualTime });
    assert.equal(text, '\r\x1b[KExploring: 2 of 100 runs, seed 1, 12 s simulated');
    time = 199;
    line.show({ done: 3, total: 100, seed: 2, virtualTime });
    text = '';
    time = 200;
    line.show({ done: 4, total: null, seed: 0, virtualTime });
    line.clear();
    line.clear();
    assert.equal(text, '\r\x1b[KExploring: 4 runs, 12 s simulated\r\x1b[K');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as adapter from '../../../src/adapters/node/index.ts';

describe('tulipa/adapters/node', () => {
  it('is what the package offers under this name', async () => {
    const offered: unknown = await import('tulipa/adapters/node');
    assert.equal(offered, adapter);
  });
});

import assert from 'node:assert/strict';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { countGivenBytes } from '../../src/transports/young-collection.ts';

interface Collection {
  readonly kind: number;
  readonly flags: number;
}

describe('memory that is given away', () => {
  it('has young garbage collected once in 8 MiB', async () => {
    const kibibyte = 1024;
    const collections = await new Promise<Collection[]>((resolve) => {
      const seen: Collection[] = [];
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { kind, flags } = (entry as unknown as { detail: Collection }).detail;
          if (flags === constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) seen.push({ kind, flags });
        }
        if (seen.length < 2) return;
        observer.disconnect();
        resolve(seen);
      });
      observer.observe({ entryTypes: ['gc'] });
      for (let i = 0; i < 16 * kibibyte; i += 1) countGivenBytes(kibibyte);
    });
    assert.deepEqual(
      collections.map(({ kind }) => kind),
      [constants.NODE_PERFORMANCE_GC_MINOR, constants.NODE_PERFORMANCE_GC_MINOR],
    );
  });

  it('leaves the program without a function for it', () => {
    assert.equal((globalThis as { gc?: unknown }).gc, undefined);
    const { runInNewContext } = process.getBuiltinModule('node:vm');
    assert.equal(runInNewContext('typeof gc'), 'undefined');
  });
});

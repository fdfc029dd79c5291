import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { TimeoutError } from '../../src/interface/index.ts';
import { StreamReader } from '../../src/streams/index.ts';
import { type Script, thrown } from '../coroutines/spellings.ts';
import { dear, leavesNothing } from '../support/leaks.ts';

describe('nothing is left of reads that are cancelled', () => {
  leavesNothing('of what never comes', dear, (spelled) => {
    const reader = new StreamReader();
    reader.feedData(Buffer.from('begun'));
    const reads = [() => reader.readExactly(10), () => reader.readLine(), () => reader.readUntil('end')];
    let rounds = 0;
    return {
      *round() {
        const waiting = spelled.timeout(0, function* (): Script<void> {
          yield reads[rounds++ % reads.length]?.();
        });
        assert.ok((yield* thrown(waiting)) instanceof TimeoutError);
      },
      *end() {
        reader.feedData(Buffer.from(' and ended\n'));
        assert.deepEqual(yield reader.readLine(), new TextEncoder().encode('begun and ended\n'));
      },
    };
  });
});

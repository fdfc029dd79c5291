import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TimeLimit } from '../../src/selectors/time-limit.ts';
import { ffi } from '../../src/syscalls/index.ts';
import { propertyRuns } from '../support/property-runs.ts';

const secondsMax = 2 ** 31 - 1;

/** Kept: an address alone keeps no memory alive. */
const limit = new TimeLimit();

/** Seconds and nanoseconds of a struct timespec. */
function encode(timeout: number): [seconds: bigint, nanoseconds: bigint] {
  const view = new DataView(ffi().viewAt(limit.timespec(timeout), 16));
  return [view.getBigInt64(0, true), view.getBigInt64(8, true)];
}

describe('a time limit', () => {
  it('is NULL or -1 where there is none', () => {
    assert.equal(new TimeLimit().timespec(null), 0);
    assert.equal(TimeLimit.milliseconds(null), -1);
  });

  it('is zero for zero and less', () => {
    for (const timeout of [0, -0, -0.1, -5, Number.NEGATIVE_INFINITY]) {
      assert.deepEqual(encode(timeout), [0n, 0n]);
      assert.equal(TimeLimit.milliseconds(timeout) | 0, 0);
    }
  });

  it('counts seconds and nanoseconds, and rounds up', () => {
    assert.deepEqual(encode(1), [0n, 1_000_000n]);
    assert.deepEqual(encode(1_500.5), [1n, 500_500_000n]);
    assert.deepEqual(encode(1e-9), [0n, 1n]);
    assert.deepEqual(encode(999.999_999_9), [1n, 0n]);
    assert.deepEqual(encode(1_999.999_999_9), [2n, 0n]);
    assert.equal(TimeLimit.milliseconds(1), 1);
    assert.equal(TimeLimit.milliseconds(1.000_001), 2);
    assert.equal(TimeLimit.milliseconds(1e-9), 1);
  });

  it('has an upper end', () => {
    for (const timeout of [secondsMax * 1_000, 1e18, Number.POSITIVE_INFINITY]) {
      assert.deepEqual(encode(timeout), [BigInt(secondsMax), 0n]);
      assert.equal(TimeLimit.milliseconds(timeout), secondsMax);
    }
  });

  it('is never less than what was asked, and at most a unit more', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (timeout) => {
        const [seconds, nanoseconds] = encode(timeout);
        assert.ok(nanoseconds >= 0n && nanoseconds < 1_000_000_000n);
        // A microsecond's millionth is what the multiplication may be off by.
        const more = Number(seconds) * 1_000 + Number(nanoseconds) / 1e6 - timeout;
        assert.ok(more > -1e-6 && more < 2e-6, `${more}`);
        const whole = TimeLimit.milliseconds(timeout);
        assert.ok(whole >= timeout && whole <= timeout + 1);
      }),
      propertyRuns(100),
    );
  });
});

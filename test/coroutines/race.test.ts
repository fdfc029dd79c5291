import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Future, race, sleep, staggeredRace } from '../../src/coroutines/index.ts';
import { CancelledError } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { both, fails, inLoop, returns, type Script, settle, thrown } from './spellings.ts';

/** Waits for ever and says when it has been stopped, which takes a while. */
function loser(log: string[], name: string): () => Script<string> {
  return function* loses() {
    try {
      yield new Future<never>();
    } finally {
      yield* settle();
      log.push(name);
    }
    return 'never';
  };
}

describe('race', () => {
  both('gives the first result, and the others have ended by then', function* (spelled) {
    const log: string[] = [];
    const result = yield race([
      spelled.source(loser(log, 'a')),
      spelled.source(function* wins() {
        yield;
        return 'winner';
      }),
      spelled.source(loser(log, 'b')),
    ]);
    assert.equal(result, 'winner');
    assert.deepEqual(log, ['a', 'b']);
  });

  both('throws the first error', function* (spelled) {
    const log: string[] = [];
    const error = yield* thrown(
      race([spelled.source(loser(log, 'a')), spelled.source(fails(new RangeError('first')))]),
    );
    assert.ok(error instanceof RangeError);
    assert.deepEqual(log, ['a']);
  });

  both('cancelled ends all of them first', function* (spelled) {
    const log: string[] = [];
    const racing = yield* spelled.started(function* racing() {
      yield race([spelled.source(loser(log, 'a')), spelled.source(loser(log, 'b'))]);
    });
    racing.cancel('stop');
    const error = yield* thrown(racing);
    assert.ok(error instanceof CancelledError);
    assert.equal(error.reason, 'stop');
    assert.deepEqual(log, ['a', 'b']);
  });

  inLoop('refuses nothing', () => {
    assert.throws(() => race([]), RangeError);
  });
});

describe('staggeredRace', () => {
  both('of nothing has no winner and no errors (B-STAG-001)', function* () {
    assert.deepEqual(yield staggeredRace([], 1), { result: undefined, winner: null, errors: [] });
  });

  both('starts the next when the delay has passed, or one has failed (B-STAG-002)', function* (spelled) {
    const loop = getRunningLoop();
    const started: string[] = [];
    const start = loop.time();
    const outcome = yield staggeredRace(
      [
        spelled.source(function* failsAtOnce() {
          started.push('fails at once');
          yield;
          throw new Error('first');
        }),
        spelled.source(function* slow() {
          started.push('slow');
          yield new Future<never>();
          return 'never';
        }),
        spelled.source(function* wins() {
          started.push(loop.time() - start === 5 ? 'wins, after the delay' : 'wins, too early');
          yield;
          return 'won';
        }),
        spelled.source(function* unneeded() {
          started.push('unneeded');
          yield;
          return 'never';
        }),
      ],
      5,
    );
    assert.deepEqual(started, ['fails at once', 'slow', 'wins, after the delay']);
    assert.equal(outcome.result, 'won');
  });

  both('is won by the first success; errors are listed by attempt (B-STAG-003)', function* (spelled) {
    const log: string[] = [];
    const outcome = yield staggeredRace(
      [
        spelled.source(fails(new Error('no'))),
        spelled.source(loser(log, 'loser')),
        spelled.source(returns('yes')),
      ],
      0,
    );
    assert.equal(outcome.result, 'yes');
    assert.equal(outcome.winner, 2);
    assert.equal(outcome.errors.length, 3);
    assert.match(String(outcome.errors[0]), /no/);
    assert.ok(outcome.errors[1] instanceof CancelledError);
    assert.equal(outcome.errors[2], null);
    assert.deepEqual(log, ['loser']);
  });

  both('has no winner if all fail (B-STAG-004)', function* (spelled) {
    const outcome = yield staggeredRace(
      [spelled.source(fails(new Error('a'))), spelled.source(fails(new Error('b')))],
      null,
    );
    assert.equal(outcome.winner, null);
    assert.deepEqual(outcome.errors.map(String), ['Error: a', 'Error: b']);
  });

  both('cancelled, also repeatedly, waits for attempts that resist (B-STAG-006)', function* (spelled) {
    const log: string[] = [];
    const racing = yield* spelled.started(function* racing() {
      yield staggeredRace(
        [
          spelled.source(function* resists() {
            for (let i = 0; i < 3; i++) {
              try {
                yield sleep(60_000);
              } catch {
                log.push(`resisted ${i}`);
              }
            }
            return 'at last';
          }),
        ],
        null,
      );
    });
    for (let i = 0; i < 3; i++) {
      assert.equal(racing.done(), false);
      racing.cancel();
      yield* settle();
    }
    assert.ok((yield* thrown(racing)) instanceof CancelledError);
    assert.deepEqual(log, ['resisted 0', 'resisted 1', 'resisted 2']);
  });

  inLoop('refuses a delay that is none', () => {
    assert.throws(() => staggeredRace([], -1), RangeError);
    assert.throws(() => staggeredRace([], Number.NaN), RangeError);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Future, sleep } from '../../src/coroutines/index.ts';
import { asyncFunction, generator } from '../coroutines/spellings.ts';
import { assertNothingLeft } from './leaks.ts';

describe('assertNothingLeft', () => {
  for (const spelling of [generator, asyncFunction]) {
    const count = 40_000;

    it(`notices an object that is left in an array [${spelling.name}]`, async () => {
      await assert.rejects(
        assertNothingLeft(spelling, count, () => {
          const left: object[] = [];
          return {
            *round() {
              // Some batches throw away as much code as so many smaller ones are.
              left.push(new Array(32).fill(0));
              yield;
            },
            check: () => void left,
          };
        }),
        /bytes are left/,
      );
    });

    it(`notices a callback of a future that lives on [${spelling.name}]`, async () => {
      await assert.rejects(
        assertNothingLeft(spelling, count, () => {
          const future = new Future<void>();
          return {
            *round() {
              future.addDoneCallback(() => {});
            },
            check: () => void future,
          };
        }),
        /bytes are left/,
      );
    });

    it(`notices a task and a timer [${spelling.name}]`, async () => {
      await assert.rejects(
        assertNothingLeft(spelling, 1, (spelled) => ({
          *round() {
            spelled.task(function* () {
              yield sleep(60_000);
            });
            yield;
          },
        })),
        assert.AssertionError,
      );
    });
  }
});

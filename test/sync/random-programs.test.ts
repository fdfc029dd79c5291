import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTask, wait } from '../../src/coroutines/index.ts';
import type { ExceptionContext } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { collectReports } from '../coroutines/spellings.ts';
import { propertyRuns } from '../support/property-runs.ts';
import { runSimulated, taskOrder } from '../support/simulated.ts';
import { settle } from './in-loop.ts';
import { inWorld, scenarios } from './random-programs.ts';

describe('any program of tasks, scopes, groups, locks, queues and events, in both spellings, however it is cancelled', () => {
  it('ends with nothing alive, held, lost, doubled or asleep, and every error seen once', () =>
    fc.assert(
      fc.asyncProperty(scenarios({ yielding: false }), taskOrder, (scenario, order) =>
        inWorld(scenario, order, function* (world) {
          yield* world.rest();
          world.checkAsleep();
          // One that resists, or is shielded, has more to be cancelled out of; every round it is one thing fewer.
          for (let rounds = 0; world.alive.length > 0; rounds++) {
            assert.ok(rounds < 200, `never ends: ${world.alive.join(', ')}`);
            world.cancelAll();
            yield* world.rest();
            world.checkAsleep();
          }
          world.checkEnd();
        }),
      ),
      propertyRuns(2000),
    ));

  it('ends when its tasks are cancelled once, unless it catches or holds off cancellations', () =>
    fc.assert(
      fc.asyncProperty(scenarios({ yielding: true }), taskOrder, (scenario, order) =>
        inWorld(scenario, order, function* (world) {
          yield* world.rest();
          world.checkAsleep();
          for (const root of world.roots) root.cancel('the end');
          yield* world.rest();
          world.checkEnd();
        }),
      ),
      propertyRuns(2000),
    ));
});

describe('what random programs have found', () => {
  it('the failure of a task is reported if who waits for it by `wait` is cancelled in that turn', () =>
    runSimulated(function* () {
      const reports: ExceptionContext[] = [];
      collectReports(getRunningLoop(), reports);
      const failing = createTask(function* () {
        yield;
        throw new Error('a failure');
      });
      const waiting = createTask(() => wait([failing]));
      yield;
      yield;
      assert.equal(failing.done(), true);
      assert.equal(waiting.cancel(), true);
      yield* settle();
      assert.equal(waiting.cancelled(), true);
      assert.equal(reports.length, 1);
    }));
});

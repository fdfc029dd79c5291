import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { createTask } from '../../src/coroutines/index.ts';
import { BoundedSemaphore, Condition, Lock, Semaphore } from '../../src/sync/index.ts';
import { test } from './in-loop.ts';

for (const Kind of [Lock, Condition, Semaphore, BoundedSemaphore]) {
  describe(`${Kind.name}, as what is held for a while`, () => {
    test('is acquired by waiting, in every form (B-P492-002)', async () => {
      const primitive = new Kind();
      const seen: boolean[] = [];
      const look = () => seen.push(primitive.locked());
      await primitive.use(async () => {
        look();
      });
      look();
      {
        using _held = await primitive.hold();
        look();
      }
      look();
      await createTask(function* () {
        yield* primitive.use(function* () {
          yield;
          look();
        });
        look();
        {
          using _held = yield* primitive.hold();
          look();
        }
        look();
      });
      assert.deepEqual(seen, [true, false, true, false, true, false, true, false]);
    });

    test('is not held by a block that does not wait (B-P492-002)', async () => {
      const primitive = new Kind();
      assert.throws(() => {
        // @ts-expect-error it has nothing to dispose of
        using _held = primitive;
      }, TypeError);
      await assert.rejects(async () => {
        // @ts-expect-error it has nothing to dispose of
        await using _held = primitive;
      }, TypeError);
      assert.throws(() => {
        // @ts-expect-error what is waited for was not waited for
        using _held = primitive.hold();
      }, TypeError);
      assert.equal(Symbol.dispose in primitive, false);
    });
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RunQueue } from '../../src/collections/index.ts';
import type { Runnable } from '../../src/interface/index.ts';
import { propertyRuns } from '../support/property-runs.ts';

class Numbered implements Runnable {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }

  run(): void {}
}

const push = (count: number) => ({ kind: 'push' as const, count });
const shift = (count: number) => ({ kind: 'shift' as const, count });
type Command = ReturnType<typeof push> | ReturnType<typeof shift> | { kind: 'clear' };

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: fc.nat({ max: 200 }).map(push) },
    { weight: 10, arbitrary: fc.nat({ max: 200 }).map(shift) },
    { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
  ),
  { maxLength: 60 },
);

describe('RunQueue', () => {
  it('behaves as an array does, through wrapping and growing', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const queue = new RunQueue();
        let model: Runnable[] = [];
        let made = 0;
        for (const command of list) {
          if (command.kind === 'clear') {
            queue.clear();
            model = [];
          } else if (command.kind === 'push') {
            for (let i = 0; i < command.count; i++) {
              const runnable = new Numbered(made++);
              queue.push(runnable);
              model.push(runnable);
            }
          } else {
            for (let i = 0; i < command.count; i++) assert.equal(queue.shift(), model.shift());
          }
          assert.equal(queue.length, model.length);
        }
        for (const expected of model) assert.equal(queue.shift(), expected);
        assert.equal(queue.shift(), undefined);
        assert.equal(queue.length, 0);
      }),
      propertyRuns(300),
    );
  });

  it('keeps the order when it grows while its contents wrap around', () => {
    const queue = new RunQueue();
    const all = Array.from({ length: 1500 }, (_, i) => new Numbered(i));
    for (const runnable of all.slice(0, 200)) queue.push(runnable);
    for (let i = 0; i < 150; i++) queue.shift();
    for (const runnable of all.slice(200)) queue.push(runnable);
    for (const expected of all.slice(150)) assert.equal(queue.shift(), expected);
  });

  it('takes one to the front, past others that keep their order, wherever the ring begins', () => {
    for (const begun of [0, 250]) {
      const queue = new RunQueue();
      for (let i = 0; i < begun; i++) {
        queue.push(new Numbered(-1));
        queue.shift();
      }
      const all = Array.from({ length: 8 }, (_, i) => new Numbered(i));
      for (const runnable of all) queue.push(runnable);
      queue.advance(6);
      const order = Array.from(all, (_, place) => (queue.at(place) as Numbered).number);
      assert.deepEqual(order, [6, 0, 1, 2, 3, 4, 5, 7]);
      assert.equal(queue.at(8), undefined);
      queue.advance(0);
      assert.deepEqual(
        Array.from(all, () => (queue.shift() as Numbered).number),
        order,
      );
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HeapStore } from '../../src/sync/heap-store.ts';
import { propertyRuns } from '../support/property-runs.ts';

interface Item {
  readonly priority: number;
  readonly order: number;
}

class Incomparable extends Error {}

describe('HeapStore', () => {
  const command = fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('push' as const), priority: fc.nat(9) }) },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('pop' as const) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('remove' as const), choice: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  );
  const comparisons = fc.oneof(
    { weight: 4, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.nat(6) },
  );

  it('gives the smallest first, of equals the first that came, whatever was taken out', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(command, comparisons), { maxLength: 200, size: 'max' }), (commands) => {
        // How many comparisons go well, from now on, before one throws.
        let patience = Infinity;
        const heap = new HeapStore<Item>((a, b) => {
          if (patience-- <= 0) throw new Incomparable('out of patience');
          return a.priority - b.priority;
        });
        const held: { item: Item; entry: object }[] = [];
        const gone: object[] = [];
        const next = () =>
          held.reduce((a, b) =>
            b.item.priority < a.item.priority ||
            (b.item.priority === a.item.priority && b.item.order < a.item.order)
              ? b
              : a,
          );
        const drop = (left: { entry: object }) => {
          held.splice(held.indexOf(left as (typeof held)[number]), 1);
          gone.push(left.entry);
        };
        const act = ([command, comparisons]: (typeof commands)[number], order: number) => {
          patience = comparisons;
          if (command.kind === 'push') {
            const item = { priority: command.priority, order };
            held.push({ item, entry: heap.push(item) });
          } else if (command.kind === 'clear') {
            heap.clear();
            gone.push(...held.splice(0).map(({ entry }) => entry));
          } else if (held.length > 0 && command.kind === 'pop') {
            const expected = next();
            assert.equal(heap.pop(), expected.item);
            drop(expected);
          } else if (held.length > 0 && command.kind === 'remove') {
            const chosen = held[command.choice % held.length];
            assert.ok(chosen);
            assert.equal(heap.remove(chosen.entry), true);
            drop(chosen);
          }
        };
        for (const [order, command] of commands.entries()) {
          try {
            act(command, order);
          } catch (error) {
            // Nothing has changed then, as what follows shows.
            if (!(error instanceof Incomparable)) throw error;
          }
          assert.equal(heap.size, held.length);
        }
        patience = Infinity;
        for (const entry of gone) assert.equal(heap.remove(entry), false);
        while (held.length > 0) {
          const expected = next();
          assert.equal(heap.pop(), expected.item);
          drop(expected);
        }
        assert.equal(heap.size, 0);
      }),
      propertyRuns(200),
    );
  });
});

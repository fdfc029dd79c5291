import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TimerHeap } from '../../src/collections/index.ts';
import { propertyRuns } from '../support/property-runs.ts';

interface Timer {
  readonly when: number;
  readonly order: number;
  id: number;
}

type Command =
  | { kind: 'insert'; when: number }
  | { kind: 'remove'; pick: number }
  | { kind: 'shift' }
  | { kind: 'clear' };

// Few different times, so that many are equal; with the odd ones that arithmetic on times may produce.
const when = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 3, arbitrary: fc.double({ noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, Infinity, -Infinity, Number.MIN_VALUE, 1e308) },
);

/** Growing when `inserts` weighs more than the rest, shrinking when less. */
function commands(inserts: number): fc.Arbitrary<Command[]> {
  return fc.array(
    fc.oneof(
      {
        weight: inserts,
        arbitrary: fc.record({ kind: fc.constant('insert' as const), when }),
      },
      { weight: 20, arbitrary: fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }) },
      { weight: 20, arbitrary: fc.record({ kind: fc.constant('shift' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
    ),
    { maxLength: 500, size: 'max' },
  );
}

/** A sorted array: what the heap must be indistinguishable from. */
class Model {
  timers: Timer[] = [];
  #inserted = 0;

  insert(when: number): Timer {
    const timer = { when, order: this.#inserted++, id: -1 };
    this.timers.push(timer);
    this.timers.sort((a, b) => (a.when === b.when ? a.order - b.order : a.when - b.when));
    return timer;
  }
}

function assertAgrees(heap: TimerHeap<Timer>, { timers }: Model): void {
  assert.equal(heap.size, timers.length);
  assert.equal(heap.earliest, timers[0]?.when ?? Infinity);
}

function execute(list: readonly Command[]): void {
  const heap = new TimerHeap<Timer>();
  const model = new Model();
  for (const command of list) {
    if (command.kind === 'insert') {
      const timer = model.insert(command.when);
      timer.id = heap.insert(command.when, timer);
    } else if (command.kind === 'clear') {
      heap.clear();
      model.timers = [];
    } else if (model.timers.length > 0) {
      if (command.kind === 'shift') {
        assert.equal(heap.shift(), model.timers.shift());
      } else {
        const [removed] = model.timers.splice(command.pick % model.timers.length, 1);
        heap.remove((removed as Timer).id);
      }
    }
    assertAgrees(heap, model);
    const ids = new Set(model.timers.map(({ id }) => id));
    assert.equal(ids.size, model.timers.length, 'two pending timers have the same id');
  }
  const all: Timer[] = [];
  heap.forEach((timer) => void all.push(timer));
  assert.deepEqual(new Set(all), new Set(model.timers));
  assert.equal(all.length, model.timers.length);
  for (const expected of model.timers) assert.equal(heap.shift(), expected);
  assert.equal(heap.size, 0);
  assert.equal(heap.earliest, Infinity);
}

describe('TimerHeap', () => {
  it('behaves as a sorted array does, while it grows', () => {
    fc.assert(fc.property(commands(120), execute), propertyRuns(150));
  });

  it('behaves as a sorted array does, while it stays small', () => {
    fc.assert(fc.property(commands(35), execute), propertyRuns(150));
  });

  it('gives out timers of equal time in the order in which they came (B-EV-021)', () => {
    const heap = new TimerHeap<number>();
    for (let i = 0; i < 1000; i++) heap.insert(7, i);
    assert.deepEqual(
      Array.from({ length: 1000 }, () => heap.shift()),
      Array.from({ length: 1000 }, (_, i) => i),
    );
  });

  it('keeps the order of equal times when an id is given out again', () => {
    const heap = new TimerHeap<string>();
    const first = heap.insert(5, 'removed');
    heap.insert(5, 'older');
    heap.remove(first);
    assert.equal(heap.insert(5, 'younger'), first);
    assert.equal(heap.shift(), 'older');
    assert.equal(heap.shift(), 'younger');
  });

  it('gives ids out again and so stays as small as the most timers it ever held', () => {
    const heap = new TimerHeap<number>();
    let largest = 0;
    for (let round = 0; round < 1000; round++) {
      const ids = [heap.insert(round, 1), heap.insert(-round, 2), heap.insert(0, 3)];
      largest = Math.max(largest, ...ids);
      for (const id of ids) heap.remove(id);
    }
    assert.equal(largest, 2);
  });

  it('starts afresh after clear', () => {
    const heap = new TimerHeap<number>();
    for (let i = 0; i < 300; i++) heap.insert(-i, i);
    heap.clear();
    assert.equal(heap.size, 0);
    assert.equal(heap.earliest, Infinity);
    heap.forEach(() => void assert.fail('a timer survived'));
    for (let i = 0; i < 300; i++) heap.insert(300 - i, i);
    for (let i = 299; i >= 0; i--) assert.equal(heap.shift(), i);
  });
});

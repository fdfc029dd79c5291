import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecordedStack } from '../../src/debug/recorded-stack.ts';
import { parseStack } from '../../src/debug/stack.ts';
import { collectGarbage } from '../support/collect-garbage.ts';

describe('a recorded stack', () => {
  it('begins where it was made, and has many frames, whatever limit the program has set', () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 1;
    try {
      const nested = (depth: number): RecordedStack =>
        depth === 0 ? new RecordedStack() : nested(depth - 1);
      const frames = parseStack(nested(20).text);
      assert.ok(frames.length > 20);
      assert.equal(frames[0]?.name, 'nested');
      assert.equal(Error.stackTraceLimit, 1);
    } finally {
      Error.stackTraceLimit = limit;
    }
  });

  it('has the same text whenever it is asked, and none once it was dropped', () => {
    const stack = new RecordedStack();
    const { text } = stack;
    stack.drop();
    assert.equal(stack.text, text);
    const dropped = new RecordedStack();
    dropped.drop();
    assert.equal(dropped.text, '');
  });

  it('keeps what was `this` in its frames alive for a moment only', { timeout: 30_000 }, async () => {
    class Thing {
      recorded(): RecordedStack {
        return new RecordedStack();
      }
    }
    const record = (): [WeakRef<Thing>, RecordedStack] => {
      const thing = new Thing();
      return [new WeakRef(thing), thing.recorded()];
    };
    const [thing, stack] = record();
    while (thing.deref() !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await collectGarbage();
    }
    assert.match(stack.text, /Thing\.recorded/);
  });
});

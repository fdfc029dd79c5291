import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getRunningLoop, type Handle, run } from '../../src/index.ts';
import { RecordedStack } from '../../src/loop/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';

describe('a recorded stack', () => {
  it('begins where it was made, and has as many frames as wished, whatever limit the program has set', () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 1;
    try {
      const nested = (depth: number): RecordedStack =>
        depth === 0 ? new RecordedStack(undefined, 50) : nested(depth - 1);
      const lines = nested(20).text.split('\n');
      assert.ok(lines.length > 20);
      assert.match(lines[0] ?? '', /^ +at nested \(/);
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
    await untilCollected(thing);
    assert.match(stack.text, /Thing\.recorded/);
  });

  it('is not kept by others than who took it, however many there are', { timeout: 30_000 }, async () => {
    const record = () => new WeakRef(new RecordedStack());
    const first = record();
    const kept = Array.from({ length: 20_000 }, () => new RecordedStack());
    await untilCollected(first);
    assert.match(kept[0]?.text ?? '', /recorded-stack\.test/);
    for (const stack of kept) stack.drop();
  });
});

async function untilCollected(thing: WeakRef<object>): Promise<void> {
  while (thing.deref() !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    await collectGarbage();
  }
}

describe('debug mode’s stacks', { timeout: 30_000 }, () => {
  it('of callbacks that queue the next one make no chain (B-LOOP-022)', async () => {
    await run(
      async () => {
        const loop = getRunningLoop();
        let first: WeakRef<Handle> | null = null;
        await new Promise<void>((resolve) => {
          let left = 50;
          const next = () => {
            if (left-- === 0) resolve();
            else if (first === null) first = new WeakRef(loop.callSoon(next));
            else loop.callSoon(next);
          };
          next();
        });
        await untilCollected(first as unknown as WeakRef<Handle>);
      },
      { debug: true },
    );
  });
});

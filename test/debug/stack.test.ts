import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatFrame, framesOfProgram, framesOfTask, parseStack } from '../../src/debug/stack.ts';

describe('a stack', () => {
  it('is read from the text that V8 makes of it', () => {
    const frames = parseStack(
      [
        'Error: any',
        'thing in the message (of several lines)',
        '    at Object.then (file:///a/thenable.mjs:1:35)',
        '    at async deep (file:///a/b%20c.mjs:2:24)',
        '    at async file:///a/top.mjs:6:1',
        '    at new Thing (/common/js.cjs:7:8)',
        '    at It.next [as also] (/common/js.cjs:9:10)',
        '    at async Promise.all (index 0)',
        '    at node:internal/main:1:2',
        '    at eval (eval at work (/common/js.cjs:11:12), <anonymous>:1:1)',
      ].join('\n'),
    );
    assert.deepEqual(
      frames.map((frame) => formatFrame(frame)),
      [
        'Object.then (/a/thenable.mjs:1:35)',
        'async deep (/a/b c.mjs:2:24)',
        'async /a/top.mjs:6:1',
        'new Thing (/common/js.cjs:7:8)',
        'It.next (/common/js.cjs:9:10)',
        'async Promise.all',
        'node:internal/main:1:2',
        'eval (eval at work (/common/js.cjs:11:12), <anonymous>:1:1)',
      ],
    );
  });

  it('tells generators by what V8 puts below their frames', () => {
    const frames = parseStack('    at a (/x.js:1:1)\n    at a.next (<anonymous>)\n    at f (/x.js:2:2)\n');
    assert.deepEqual(
      frames.map(({ name, kind }) => [name, kind]),
      [
        ['a', 'generator'],
        ['f', 'function'],
      ],
    );
  });

  it('is empty for what is no stack (B-TOOLS-003)', () => {
    for (const nothing of [undefined, null, '', 'Error: x', 42, {}, ['a']])
      assert.deepEqual(parseStack(nothing), []);
  });

  it('of a task ends where the engine begins, and leaves its parts out', () => {
    // Where the compiled tests run, it is a link.
    const library = `${realpathSync(fileURLToPath(new URL('../../src/', import.meta.url)))}/`;
    const frames = parseStack(
      [
        `    at FutureIterator.next (file://${library}coroutines/future.ts:1:1)`,
        `    at sleep (file://${library}coroutines/sleep.ts:31:5)`,
        '    at sleep.next (<anonymous>)',
        '    at work (file:///app/work.ts:3:4)',
        '    at work.next (<anonymous>)',
        `    at Task.#step (file://${library}coroutines/task.ts:1:1)`,
        '    at whoever (file:///app/main.ts:5:6)',
      ].join('\n'),
    );
    assert.deepEqual(
      framesOfTask(frames).map(({ name }) => name),
      ['sleep', 'work'],
    );
    assert.deepEqual(
      framesOfProgram(frames).map(({ name }) => name),
      ['work', 'whoever'],
    );
  });
});

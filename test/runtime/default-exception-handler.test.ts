import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { formatWithOptions } from 'node:util';
import { sleep, Task } from '../../src/coroutines/index.ts';
import type { ExceptionContext, Suspension } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';

/** What a reader of standard error sees. */
function printedIn(t: TestContext): () => string {
  const { mock } = t.mock.method(console, 'error', () => {});
  return () => mock.calls.map((call) => formatWithOptions({ colors: false }, ...call.arguments)).join('\n');
}

function report(t: TestContext, context: ExceptionContext): string {
  const printed = printedIn(t);
  const loop = newEventLoop();
  loop.callExceptionHandler(context);
  loop.close();
  return printed();
}

describe('the default exception handler', () => {
  it('prints the message, the exception with its stack and cause, and what else is known (B-LOOP-014)', (t) => {
    const exception = new RangeError('of the callback', { cause: new Error('the cause') });
    const text = report(t, {
      message: 'Something failed',
      exception,
      signal: 'SIGHUP',
      sourceTrace: '    at here',
    });
    assert.match(text, /^Something failed\nsignal: SIGHUP\ncreated at:\n {4}at here/);
    assert.match(text, /RangeError: of the callback\n +at /);
    assert.match(text, /cause.*the cause/);
  });

  it('prints a message that stands alone', (t) => {
    assert.equal(report(t, { message: 'Something failed' }), 'Something failed');
  });

  it('prints exceptions that are no errors', (t) => {
    for (const exception of [null, undefined, 'text', 0]) {
      assert.match(
        report(t, { message: 'Something failed', exception }),
        new RegExp(`${String(exception)}$`),
      );
      t.mock.restoreAll();
    }
  });

  it('takes no text for a format', (t) => {
    const text = report(t, { message: 'at 100%o, %s %c %j', exception: new Error('not eaten') });
    assert.match(text, /^at 100%o, %s %c %j Error: not eaten\n +at/);
  });

  it('prints the exception also if other parts of the context have no text', (t) => {
    const throwing = {
      toString() {
        throw new Error('no text');
      },
    };
    const text = report(t, {
      message: 'Something failed',
      exception: new Error('not lost'),
      transport: Object.create(null),
      server: throwing,
    });
    assert.match(text, /Something failed/);
    assert.match(text, /not lost/);
  });

  it('prints at least the message and the error if the exception cannot be shown', (t) => {
    const unshowable = new Error('cannot be shown');
    Object.defineProperty(unshowable, Symbol.for('nodejs.util.inspect.custom'), {
      value() {
        throw new Error('of the inspection');
      },
    });
    const lines: string[] = [];
    t.mock.method(console, 'error', (...args: unknown[]) => void lines.push(formatWithOptions({}, ...args)));
    const loop = newEventLoop();
    loop.callExceptionHandler({ message: 'Something failed', exception: unshowable });
    loop.close();
    assert.match(lines.join('\n'), /Something failed/);
    assert.match(lines.join('\n'), /cannot be shown/);
  });

  it('is not kept from the report by a handle or task of another making', () => {
    const loop = newEventLoop();
    const seen: ExceptionContext[] = [];
    loop.setExceptionHandler((_, context) => void seen.push(context));
    const foreign = {
      getContext() {
        throw new Error('of another making');
      },
    };
    for (const handle of [{}, foreign, { getContext: () => ({}) }] as never[]) {
      loop.callExceptionHandler({ message: 'Something failed', handle });
      loop.callExceptionHandler({ message: 'Something failed', task: handle });
    }
    assert.equal(seen.length, 6);
    loop.close();
  });

  it('works on a closed loop', (t) => {
    const printed = printedIn(t);
    const loop = newEventLoop();
    loop.close();
    loop.callExceptionHandler({ message: 'Too late' });
    assert.equal(printed(), 'Too late');
  });

  it('is told of a task that failed for nobody, with the place where it was made in debug mode', async (t) => {
    const printed = printedIn(t);
    await run(
      function* () {
        function startingFunction() {
          getRunningLoop().createTask(
            (function* failing(): Generator<Suspension, void> {
              yield;
              throw new Error('for nobody');
            })(),
            { name: 'the failing one' },
          );
        }
        startingFunction();
        yield* sleep(0);
        yield* sleep(0);
        yield* sleep(0);
      },
      { debug: true },
    );
    const text = printed();
    assert.match(text, /the failing one/);
    assert.match(text, /for nobody/);
    assert.match(text, /created at:\n(.*\n)*.*startingFunction/);
  });

  it('is not told of a task whose failure somebody has looked at', async (t) => {
    const printed = printedIn(t);
    await run(function* () {
      const task = new Task<void>(
        // biome-ignore lint/correctness/useYield: it fails at once
        function* () {
          throw new Error('caught');
        },
        { loop: getRunningLoop() },
      );
      try {
        yield* task;
      } catch {
        // expected
      }
      for (let turns = 0; turns < 8; turns++) yield;
    });
    assert.equal(printed(), '');
  });
});

import { type EventLoop, isCancellation, type Suspension } from '../interface/index.ts';
import type { StreamReader } from './stream-reader.ts';
import type { StreamWriter } from './stream-writer.ts';

/**
 * What a server does with a connection: a plain function, or one that is waited for: a generator function, an `async`
 * function, or any function that returns a coroutine, a generator or something thenable.
 */
export type ClientHandler = (reader: StreamReader, writer: StreamWriter) => unknown;

/**
 * Calls the handler, now, inside a task of its own; if what it returns can be waited for, the task goes on with that.
 *
 * One rule for all kinds, as a function does not show which it is: an arrow function may well return what an `async` one
 * gave it. That a plain function is called from inside `connectionMade` follows (B-STR-021), and so does that the current
 * task is known in all of them, from the first line on.
 *
 * A failure is reported with the transport, which is then closed; cancelling the task closes it, silently. A handler that
 * ends well leaves the connection open: it may have passed it on.
 */
export function serveClient(
  loop: EventLoop,
  onClient: ClientHandler,
  reader: StreamReader,
  writer: StreamWriter,
): void {
  const { transport } = writer;

  function fail(exception: unknown): void {
    if (isCancellation(exception)) throw exception;
    loop.callExceptionHandler({ message: 'Exception in client handler', exception, transport });
    transport.close();
  }

  function* finish(outcome: unknown): Generator<Suspension, void, unknown> {
    try {
      if (isIterable(outcome)) yield* outcome;
    } catch (exception) {
      fail(exception);
    }
  }

  function start(): Generator<Suspension, void, unknown> | PromiseLike<void> {
    try {
      const outcome = onClient(reader, writer);
      // A native promise has to reach the task as it is: the task drives the function behind it.
      if (isThenable(outcome) && !isIterable(outcome)) return outcome.then(ignore, fail);
      return finish(outcome);
    } catch (exception) {
      fail(exception);
      return finish(undefined);
    }
  }

  const task = loop.createTask<void>(start, { name: onClient.name || undefined, eagerStart: true });
  task.addDoneCallback(() => {
    if (task.cancelled()) transport.close();
  });
}

function ignore(): void {}

/** A coroutine, a generator, a future: what `yield*` waits for. Arrays and the like are no waits. */
function isIterable(value: unknown): value is Iterable<Suspension, unknown, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function' &&
    (isThenable(value) || typeof (value as { throw?: unknown }).throw === 'function')
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

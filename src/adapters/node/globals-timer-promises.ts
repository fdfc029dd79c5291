import timersPromises from 'node:timers/promises';
import { globalsClock } from './globals-clock.ts';
import { Immediate, Timeout } from './globals-timers.ts';
import type { Replacements } from './replacements.ts';

// node:timers/promises on a loop. What is wrong with arguments, or aborted before it begins, is left to Node to say: it does so
// without a timer.

// Not by import: imported names are replaced too.
const real = { ...timersPromises };

interface Options {
  signal?: AbortSignal | undefined;
  ref?: boolean | undefined;
}

/** As Node's own, which it does not give away. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';

  constructor(signal: AbortSignal) {
    super('The operation was aborted', { cause: signal.reason });
  }
}

/** True if Node would begin to wait. */
function waits(delay: unknown, options: unknown): boolean {
  if (globalsClock() === null || (delay !== undefined && typeof delay !== 'number')) return false;
  if (options === undefined) return true;
  if (typeof options !== 'object' || options === null) return false;
  const { signal, ref } = options as Options;
  if (ref !== undefined && typeof ref !== 'boolean') return false;
  return signal === undefined || (signal instanceof AbortSignal && !signal.aborted);
}

/** Waits for what `begin` starts, which calls `done`; or, what it started having been cleared, for the end of that by the signal. */
function wait<T>(
  value: T,
  { signal, ref }: Options,
  begin: (done: () => void) => { unref(): unknown; [Symbol.dispose](): void },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const begun = begin(() => {
      signal?.removeEventListener('abort', aborted);
      resolve(value);
    });
    function aborted(): void {
      begun[Symbol.dispose]();
      reject(new AbortError(signal as AbortSignal));
    }
    if (ref === false) begun.unref();
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

function setTimeout<T>(delay?: number, value?: T, options?: Options): Promise<T> {
  const loop = globalsClock()?.loop();
  if (loop === undefined || !waits(delay, options))
    return real.setTimeout(delay, value, options) as Promise<T>;
  return wait(value as T, options ?? {}, (done) => new Timeout(loop, done, delay, [], false));
}

function setImmediate<T>(value?: T, options?: Options): Promise<T> {
  const loop = globalsClock()?.loop();
  if (loop === undefined || !waits(undefined, options))
    return real.setImmediate(value, options) as Promise<T>;
  return wait(value as T, options ?? {}, (done) => new Immediate(loop, done, []));
}

async function* setInterval<T>(delay?: number, value?: T, options?: Options): AsyncGenerator<T, void> {
  const loop = globalsClock()?.loop();
  if (loop === undefined || !waits(delay, options)) {
    yield* real.setInterval(delay, value, options) as AsyncIterable<T>;
    return;
  }
  const { signal, ref } = options ?? {};
  let due = 0;
  let wake = () => {};
  const timeout = new Timeout(
    loop,
    () => {
      due++;
      wake();
    },
    delay,
    [],
    true,
  );
  if (ref === false) timeout.unref();
  const aborted = () => {
    timeout.close();
    wake();
  };
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    for (;;) {
      if (signal?.aborted === true) throw new AbortError(signal);
      if (due === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      // Those that came while nobody asked are not lost.
      for (; due > 0; due--) yield value as T;
    }
  } finally {
    timeout.close();
    signal?.removeEventListener('abort', aborted);
  }
}

export const timerPromises = { setTimeout, setImmediate };

export function replaceTimerPromises(replacements: Replacements): void {
  const { scheduler } = timersPromises;
  replacements.replace(timersPromises, 'setTimeout', setTimeout);
  replacements.replace(timersPromises, 'setImmediate', setImmediate);
  replacements.replace(timersPromises, 'setInterval', setInterval);
  replacements.replace(scheduler, 'wait', (delay: number, options?: Options) =>
    setTimeout(delay, undefined, options),
  );
  replacements.replace(scheduler, 'yield', () => setImmediate());
}

import { globalsClock } from './globals-clock.ts';
import { Timeout } from './globals-timers.ts';
import type { Replacements } from './replacements.ts';

const real = AbortSignal.timeout;

function abortSignalTimeout(delay: number): AbortSignal {
  const loop = globalsClock()?.loop();
  if (loop === undefined || !Number.isInteger(delay) || delay < 0 || delay > Number.MAX_SAFE_INTEGER) {
    return Reflect.apply(real, AbortSignal, [delay]);
  }
  const controller = new AbortController();
  const abort = () => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  };
  new Timeout(loop, abort, delay, [], false).unref();
  return controller.signal;
}

export function replaceAbortTimeout(replacements: Replacements): void {
  replacements.replace(AbortSignal, 'timeout', abortSignalTimeout);
}

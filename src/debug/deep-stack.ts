import { RecordedStack } from '../loop/index.ts';

/** V8's own limit of ten does not reach through the loop to deep coroutines. */
const framesMax = 50;

/** The stack at the call, with as many frames as coroutines may be deep. @param from the caller, to leave it out */
export function deepStack(from: (...args: never[]) => unknown = deepStack): RecordedStack {
  return new RecordedStack(from, framesMax);
}

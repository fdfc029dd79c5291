import type { Suspension } from '../interface/index.ts';
import { type EventLoop, endTasks } from '../runtime/index.ts';

/** How long closing connections may take to send the rest. */
const closingGrace = 2_000;

/** Ends all tasks of a loop but the present one, and its connections, as `run` does. */
export function* endProgram(loop: EventLoop): Generator<Suspension, void, unknown> {
  // Without end, if tasks are started without end: the simulation has bounds of its own.
  yield* endTasks(loop, 'program', Infinity);
  yield* loop.finishTransports(closingGrace);
}

import type { TraceKind } from '../drivers/simulation/index.ts';
import type { Trace } from './trace.ts';
import { formatTrace } from './trace-text.ts';

const lastTold = 20;
const earlierTold = 10;
/** There are so many of these that one of them says little. */
const frequent: ReadonlySet<TraceKind> = new Set(['sent', 'arrived', 'task'] as const);

/**
 * As much of a trace as goes with a failure, as text: the last events, those left out that only repeat the one before; and
 * of what came before them, the last faults and what programs said.
 */
export function traceTail({ events }: Trace): string {
  const told = events.filter(({ text, host, time }, place) => {
    const before = events[place - 1];
    return before === undefined || text !== before.text || host !== before.host || time !== before.time;
  });
  const earlier = told.slice(0, -lastTold).filter(({ kind }) => !frequent.has(kind));
  return formatTrace([...earlier.slice(-earlierTold), ...told.slice(-lastTold)], 0);
}

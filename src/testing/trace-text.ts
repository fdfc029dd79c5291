import type { TraceEvent } from '../drivers/simulation/index.ts';
import { describeEvent, formatDuration, formatTime, oneLine } from './event-text.ts';

/** From this on, time that goes by without an event has a line of its own; in milliseconds. */
const gapMin = 1000;

/** Lines of aligned columns: time in milliseconds, host, what. Ends with a line end. */
export function formatTrace(events: readonly TraceEvent[], omitted: number): string {
  const times = events.map(({ time }) => formatTime(time));
  const timeWidth = widthOf(times);
  const hostWidth = widthOf(events.map(({ host }) => host ?? ''));
  const lines: string[] = [];
  if (omitted > 0) lines.push(`${omitted} earlier ${omitted === 1 ? 'event' : 'events'} left out`);
  let before = events[0]?.time ?? 0;
  for (const [index, event] of events.entries()) {
    if (event.time - before >= gapMin)
      lines.push(`${' '.repeat(timeWidth)}  ... ${formatDuration(event.time - before)}`);
    before = event.time;
    const time = (times[index] as string).padStart(timeWidth);
    lines.push(`${time}  ${oneLine(event.host ?? '').padEnd(hostWidth)}  ${describeEvent(event)}`.trimEnd());
  }
  if (lines.length === 0) lines.push('no events');
  return `${lines.join('\n')}\n`;
}

function widthOf(cells: readonly string[]): number {
  let width = 0;
  for (const cell of cells) width = Math.max(width, cell.length);
  return width;
}

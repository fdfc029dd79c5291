import type { TraceEvent } from '../drivers/simulation/index.ts';

// What is in this file runs in the page too, as its own text: see timeline.ts.

/** Where events are along the axis of time, in heights of a row. */
export interface Axis {
  /** events, by their place: those that are shown */
  readonly shown: Int32Array;
  /** by row: where it begins */
  readonly begins: Float64Array;
  /** where the last one ends */
  readonly end: number;
  /** before these rows, time goes by in which nothing happens, too much for its space; in milliseconds */
  readonly gaps: readonly { readonly row: number; readonly duration: number }[];
}

/**
 * Each event has a row of its own, so that what happens at one instant is told apart. Between rows is the more space the
 * more time goes by, but never much: the space grows with the logarithm of the time.
 *
 * @param usual what time goes by between events, if any does
 */
export function layOut(events: readonly TraceEvent[], shown: Int32Array, usual: number): Axis {
  const begins = new Float64Array(shown.length);
  const gaps: { row: number; duration: number }[] = [];
  let at = 0;
  for (let row = 0; row < shown.length; row++) {
    if (row > 0) {
      const duration = timeAt(events, shown, row) - timeAt(events, shown, row - 1);
      const idle = duration >= usual * 100 && duration >= 1;
      if (idle) gaps.push({ row, duration });
      if (idle) at += 1.4;
      else if (duration > 0) at += Math.min(0.8, 0.15 + 0.2 * Math.log10(Math.max(1, duration / usual)));
    }
    begins[row] = at;
    at += 1;
  }
  return { shown, begins, end: at, gaps };
}

/** What time goes by between events that are not at the same instant: half of the times it is less. 1 if there are none. */
export function usualGap(events: readonly TraceEvent[]): number {
  const gaps: number[] = [];
  for (let place = 1; place < events.length; place++) {
    const gap = (events[place] as TraceEvent).time - (events[place - 1] as TraceEvent).time;
    if (gap > 0) gaps.push(gap);
  }
  gaps.sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? 1;
}

/** The row at `position` of the axis: the last one that begins before it; 0 if there is none. */
export function rowAt({ begins }: Axis, position: number): number {
  let low = 0;
  let high = begins.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((begins[middle] as number) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** By event: its row, or if it is not shown, the row of the next one that is. */
export function rowsOfEvents(events: number, shown: Int32Array): Int32Array {
  const rows = new Int32Array(events);
  for (let place = 0, row = 0; place < events; place++) {
    rows[place] = row;
    if (shown[row] === place) row++;
  }
  return rows;
}

export function timeAt(events: readonly TraceEvent[], shown: Int32Array, row: number): number {
  return (events[shown[row] as number] as TraceEvent).time;
}

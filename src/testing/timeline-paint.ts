import type { TraceEvent } from '../drivers/simulation/index.ts';
import { type Axis, rowAt } from './timeline-axis.ts';
import type { PageCanvas, Painter } from './timeline-dom.ts';
import type { Timeline, TimelineArea, TimelineTask } from './timeline-model.ts';

// What is in this file runs in the page too, as its own text: see timeline.ts.

/** Of a host that is shown. All in pixels. */
export interface Column {
  readonly host: number;
  readonly left: number;
  readonly width: number;
  /** where its line is, at which messages begin and end */
  readonly line: number;
  /** the middle of its first task, and from task to task */
  readonly firstLane: number;
  readonly laneWidth: number;
}

export interface Colours {
  readonly host: (host: number) => string;
  readonly surface: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly bad: string;
  readonly paused: unknown;
  readonly down: unknown;
}

export interface Scene {
  readonly timeline: Timeline;
  readonly axis: Axis;
  /** by event: its row */
  readonly rows: Int32Array;
  readonly columns: readonly Column[];
  readonly rowHeight: number;
  readonly scrollTop: number;
  readonly width: number;
  readonly height: number;
  readonly colours: Colours;
  /** events, by their place; -1: none */
  readonly selected: number;
  readonly hovered: number;
}

/** The vertical middle of an event's row, in the window. */
export function middleOf(scene: Scene, place: number): number {
  const { axis, rows, rowHeight, scrollTop } = scene;
  const row = rows[place] as number;
  const begin = row < axis.begins.length ? (axis.begins[row] as number) : axis.end;
  return (begin + 0.5) * rowHeight - scrollTop;
}

/** Side by side as many hosts as are shown, in at most `widthMax` pixels. */
export function placeColumns(timeline: Timeline, shown: readonly boolean[], widthMax: number): Column[] {
  const hosts = timeline.hosts.map((_, host) => host).filter((host) => shown[host] === true);
  const least = Math.max(88, Math.min(160, widthMax / Math.max(1, hosts.length)));
  const natural = hosts.map((host) => Math.max(least, 44 + 11 * Math.min(24, timeline.lanes[host] ?? 0)));
  const total = natural.reduce((sum, width) => sum + width, 0);
  const scale = Math.min(1, widthMax / Math.max(1, total));
  const columns: Column[] = [];
  let left = 0;
  for (const [index, host] of hosts.entries()) {
    const width = (natural[index] as number) * scale;
    const line = left + Math.min(18, width / 4);
    const space = left + width - 8 - (line + 12);
    const laneWidth = Math.max(1.5, Math.min(11, space / Math.max(1, timeline.lanes[host] ?? 0)));
    columns.push({ host, left, width, line, firstLane: line + 12 + laneWidth / 2, laneWidth });
    left += width;
  }
  return columns;
}

/** Where a task of this host is; the last lane is shared by those for which there is no place. */
export function laneOf(column: Column, lane: number): number {
  const right = column.left + column.width - 4;
  return Math.min(right, column.firstLane + lane * column.laneWidth);
}

/** Draws what is in the window, of all that there is. */
export function paint(painter: Painter, scene: Scene): void {
  const { timeline, axis, columns, height, width, colours, rowHeight, scrollTop } = scene;
  painter.clearRect(0, 0, width, height);
  const byHost: (Column | undefined)[] = [];
  for (const column of columns) byHost[column.host] = column;
  const bottom = Math.min(height, axis.end * rowHeight - scrollTop);

  for (const { host, line } of columns) {
    painter.globalAlpha = 0.45;
    painter.fillStyle = colours.host(host);
    painter.fillRect(line - 0.75, 0, 1.5, bottom);
  }
  painter.globalAlpha = 1;
  for (const area of timeline.areas) paintArea(painter, scene, byHost, area);
  for (const task of timeline.tasks) {
    const column = byHost[task.host];
    if (column !== undefined) paintTask(painter, scene, column, task);
  }
  paintMessages(painter, scene, byHost);
  paintEvents(painter, scene, byHost);
}

export function paintArea(
  painter: Painter,
  scene: Scene,
  byHost: readonly (Column | undefined)[],
  area: TimelineArea,
): void {
  const { height, colours, axis, rowHeight, scrollTop } = scene;
  const column = byHost[area.host];
  if (column === undefined) return;
  const top = middleOf(scene, area.begins);
  const bottom = area.ends === -1 ? axis.end * rowHeight - scrollTop : middleOf(scene, area.ends);
  if (bottom < 0 || top > height) return;
  const from = Math.max(-20, top);
  const to = Math.min(height + 20, bottom);
  if (area.what !== 'cut') {
    painter.clearRect(column.line - 2, from, 4, to - from);
    if (area.what === 'ended') {
      painter.globalAlpha = 0.3;
      painter.fillStyle = colours.line;
      painter.fillRect(column.line - 0.75, from, 1.5, to - from);
      painter.globalAlpha = 1;
    } else {
      painter.fillStyle = area.what === 'paused' ? colours.paused : colours.down;
      painter.fillRect(column.left + 2, from, column.width - 4, to - from);
    }
    if (column.width > 40 && bottom - top > 24) {
      painter.fillStyle = area.what === 'down' ? colours.bad : colours.muted;
      painter.font = '600 10px system-ui, sans-serif';
      painter.textAlign = 'left';
      painter.textBaseline = 'top';
      painter.fillText(area.what, column.line + 8, Math.max(top, 0) + 6);
    }
    return;
  }
  // On the side on which what is sent there would leave.
  const peer = area.peer === -1 ? undefined : byHost[area.peer];
  const walls: number[] = [];
  if (peer === undefined || peer.left < column.left) walls.push(column.left + 3);
  if (peer === undefined || peer.left > column.left) walls.push(column.left + column.width - 3);
  painter.strokeStyle = colours.bad;
  painter.lineWidth = 2;
  painter.setLineDash([5, 4]);
  painter.beginPath();
  for (const x of walls) {
    painter.moveTo(x, from);
    painter.lineTo(x, to);
  }
  painter.stroke();
  painter.setLineDash([]);
}

export function paintTask(painter: Painter, scene: Scene, column: Column, task: TimelineTask): void {
  const { timeline, height, colours, axis, rows, rowHeight, scrollTop } = scene;
  const first = task.events[0] as number;
  const last = task.events[task.events.length - 1] as number;
  const top = middleOf(scene, first);
  const open = task.ended === -1;
  const bottom = open ? axis.end * rowHeight - scrollTop : middleOf(scene, Math.max(last, task.ended));
  if (bottom < 0 || top > height) return;
  const x = laneOf(column, task.lane);
  const wide = Math.max(1, Math.min(7, column.laneWidth - 2));
  const colour = colours.host(column.host);
  const clip = (y: number) => Math.max(-10, Math.min(height + 10, y));

  painter.fillStyle = colour;
  painter.globalAlpha = 0.25;
  painter.fillRect(x - wide / 2, clip(top), wide, Math.max(1, clip(bottom) - clip(top)));
  painter.globalAlpha = 1;

  const topRow = rowAt(axis, scrollTop / rowHeight) - 1;
  const bottomRow = rowAt(axis, (scrollTop + height) / rowHeight) + 1;
  let low = 0;
  let high = task.events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[task.events[middle] as number] as number) < topRow) low = middle + 1;
    else high = middle;
  }
  for (let at = Math.max(0, low - 1); at < task.events.length; at++) {
    const place = task.events[at] as number;
    if ((rows[place] as number) > bottomRow) break;
    const { state } = timeline.events[place] as TraceEvent;
    const y = middleOf(scene, place);
    if (rowHeight < 1.5 && state !== 'failed') continue;
    if (state === 'running') {
      const next = task.events[at + 1];
      const end = next === undefined ? y + 2 : middleOf(scene, next);
      painter.fillRect(x - wide / 2, clip(y), wide, Math.max(1.5, clip(end) - clip(y)));
    } else if (state === 'created') {
      painter.fillRect(x - wide / 2 - 1, y - 1, wide + 2, 2);
    } else if (state === 'failed') {
      paintCross(painter, x, y, Math.max(3, wide / 2), colours.bad);
    } else if (state === 'cancelled') {
      painter.fillStyle = colours.surface;
      painter.strokeStyle = colour;
      painter.lineWidth = 1.5;
      painter.beginPath();
      painter.arc(x, y, Math.max(2, wide / 2), 0, 7);
      painter.fill();
      painter.stroke();
      painter.fillStyle = colour;
    } else if (state === 'done') {
      painter.beginPath();
      painter.arc(x, y, Math.max(1.5, wide / 2 + 0.5), 0, 7);
      painter.fill();
    }
  }
}

export function paintMessages(painter: Painter, scene: Scene, byHost: readonly (Column | undefined)[]): void {
  const { timeline, height, axis, rowHeight, scrollTop, colours, selected, hovered } = scene;
  const dense = rowHeight < 6;
  for (const { from, to, sent, ended, lost } of timeline.messages) {
    const begin = byHost[from];
    const end = byHost[to];
    if (begin === undefined || end === undefined) continue;
    const top = sent === -1 ? Math.min(-8, middleOf(scene, ended) - 24) : middleOf(scene, sent);
    const bottom = ended === -1 ? axis.end * rowHeight - scrollTop : middleOf(scene, ended);
    if (bottom < -20 || top > height + 20) continue;
    const marked =
      (selected !== -1 && (selected === sent || selected === ended)) ||
      (hovered !== -1 && (hovered === sent || hovered === ended));
    const colour = lost ? colours.bad : colours.host(from);
    const inFlight = ended === -1;
    const own = from === to;
    const x1 = begin.line;
    const part = lost || inFlight ? 0.62 : 1;
    const x2 = own ? x1 : x1 + (end.line - x1) * part;
    const y2 = inFlight ? Math.min(bottom, top + 60) : bottom;
    painter.strokeStyle = colour;
    painter.fillStyle = colour;
    painter.globalAlpha = marked ? 1 : dense ? Math.max(0.03, Math.min(0.4, rowHeight * 0.4)) : 0.8;
    painter.lineWidth = marked ? 2.5 : dense ? 0.8 : 1.4;
    if (lost || inFlight) painter.setLineDash([4, 3]);
    painter.beginPath();
    painter.moveTo(x1, top);
    if (own) painter.bezierCurveTo(x1 - 14, top, x1 - 14, y2, x1, y2);
    else painter.lineTo(x2, y2);
    painter.stroke();
    painter.setLineDash([]);
    if (!dense) {
      if (lost) paintCross(painter, x2, y2, marked ? 5 : 4, colours.bad);
      else if (!inFlight) paintHead(painter, own ? x1 - 10 : x1, own ? y2 : top, x2, y2, marked ? 8 : 6.5);
    }
  }
  painter.globalAlpha = 1;
}

export function paintHead(
  painter: Painter,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  size: number,
): void {
  const dx = x2 - x1;
  const dy = y2 - y1;
  const length = Math.sqrt(dx * dx + dy * dy) || 1;
  const ux = dx / length;
  const uy = dy / length;
  painter.beginPath();
  painter.moveTo(x2, y2);
  painter.lineTo(x2 - size * ux + size * 0.42 * uy, y2 - size * uy - size * 0.42 * ux);
  painter.lineTo(x2 - size * ux - size * 0.42 * uy, y2 - size * uy + size * 0.42 * ux);
  painter.closePath();
  painter.fill();
}

export function paintCross(painter: Painter, x: number, y: number, size: number, colour: string): void {
  painter.strokeStyle = colour;
  painter.lineWidth = 2;
  painter.beginPath();
  painter.moveTo(x - size, y - size);
  painter.lineTo(x + size, y + size);
  painter.moveTo(x - size, y + size);
  painter.lineTo(x + size, y - size);
  painter.stroke();
}

/** What happens at the lines of the hosts themselves. */
export function paintEvents(painter: Painter, scene: Scene, byHost: readonly (Column | undefined)[]): void {
  const { timeline, axis, rowHeight, scrollTop, height, colours, selected } = scene;
  if (axis.shown.length === 0) return;
  const small = rowHeight < 6;
  const first = rowAt(axis, scrollTop / rowHeight);
  const last = rowAt(axis, (scrollTop + height) / rowHeight);
  for (let row = first; row <= last; row++) {
    const place = axis.shown[row] as number;
    const { kind } = timeline.events[place] as TraceEvent;
    const column = byHost[timeline.hostOf[place] as number];
    const y = middleOf(scene, place);
    if (column === undefined || (small && (kind === 'sent' || kind === 'arrived' || kind === 'task')))
      continue;
    const x =
      kind === 'task'
        ? laneOf(column, timeline.tasks[timeline.taskOf[place] as number]?.lane ?? 0)
        : column.line;
    if (place === selected) {
      painter.strokeStyle = colours.ink;
      painter.lineWidth = 2;
      painter.beginPath();
      painter.arc(x, y, 8, 0, 7);
      painter.stroke();
    }
    painter.fillStyle = colours.host(column.host);
    painter.beginPath();
    if (kind === 'sent') {
      painter.arc(x, y, 2.6, 0, 7);
      painter.fill();
    } else if (kind === 'host') {
      const half = small ? 2 : 4.5;
      painter.fillRect(x - half, y - half, 2 * half, 2 * half);
    } else if (kind === 'fault') {
      painter.fillStyle = colours.bad;
      painter.moveTo(x, y - 6);
      painter.lineTo(x + 6, y + 5);
      painter.lineTo(x - 6, y + 5);
      painter.closePath();
      painter.fill();
    } else if (kind === 'said') {
      painter.strokeStyle = colours.host(column.host);
      painter.fillStyle = colours.surface;
      painter.lineWidth = 2;
      painter.arc(x, y, small ? 1.5 : 4, 0, 7);
      if (small) painter.fillStyle = painter.strokeStyle;
      painter.fill();
      if (!small) painter.stroke();
    }
  }
}

/** All of the trace, in little: a line a host, time from left to right along the same axis. */
export function paintOverview(
  canvas: PageCanvas,
  scene: Scene,
  density: number,
  found: Uint8Array | null,
): void {
  const { timeline, axis, columns, colours, rows } = scene;
  const { width, height } = scene;
  const painter = canvas.getContext('2d');
  painter.setTransform(density, 0, 0, density, 0, 0);
  painter.clearRect(0, 0, width, height);
  if (axis.end === 0) return;
  const scale = width / axis.end;
  const lineHeight = (height - 6) / Math.max(1, columns.length);
  const x = (place: number) => {
    const row = rows[place] as number;
    return (row < axis.begins.length ? (axis.begins[row] as number) : axis.end) * scale;
  };
  const lineOf: number[] = [];
  for (const [index, { host }] of columns.entries()) lineOf[host] = 3 + index * lineHeight;

  for (const { row } of axis.gaps) {
    const right = (axis.begins[row] as number) * scale;
    painter.globalAlpha = 0.5;
    painter.fillStyle = colours.line;
    painter.fillRect(right - Math.max(1, 1.4 * scale), 0, Math.max(1, 1.4 * scale), height);
  }
  for (const { what, host, begins, ends } of timeline.areas) {
    const line = lineOf[host];
    if (line === undefined) continue;
    const left = x(begins);
    const right = ends === -1 ? width : x(ends);
    painter.globalAlpha = what === 'cut' ? 0.35 : what === 'ended' ? 0.15 : 0.6;
    painter.fillStyle = what === 'paused' || what === 'ended' ? colours.muted : colours.bad;
    painter.fillRect(left, line, Math.max(1, right - left), what === 'cut' ? 2 : lineHeight);
  }
  const wide = Math.max(1, scale * 0.7);
  const counts = columns.map(() => new Float64Array(Math.ceil(width) + 1));
  const countsOf: (Float64Array | undefined)[] = [];
  for (const [index, { host }] of columns.entries()) countsOf[host] = counts[index];
  let most = 1;
  for (let row = 0; row < axis.shown.length; row++) {
    const place = axis.shown[row] as number;
    const host = timeline.hostOf[place] as number;
    const line = lineOf[host];
    const count = countsOf[host];
    if (line === undefined || count === undefined) continue;
    const left = (axis.begins[row] as number) * scale;
    const { kind } = timeline.events[place] as TraceEvent;
    const bad = kind === 'lost' || kind === 'fault';
    const task = kind === 'task';
    if (scale < 1.5 && !bad) {
      const bin = Math.floor(left);
      const sum = (count[bin] as number) + (task ? 0.5 : 1);
      count[bin] = sum;
      if (sum > most) most = sum;
      continue;
    }
    painter.globalAlpha = bad ? 1 : task ? 0.35 : 0.8;
    painter.fillStyle = bad ? colours.bad : colours.host(host);
    const inset = lineHeight * (task || scale < 1.5 ? 0.32 : 0.14);
    painter.fillRect(left, line + inset, wide, lineHeight - 2 * inset);
  }
  // Where several events share a pixel, how strong it is says how many.
  for (const { host } of columns) {
    const line = lineOf[host] as number;
    painter.fillStyle = colours.host(host);
    for (const [bin, sum] of (countsOf[host] as Float64Array).entries()) {
      if (sum === 0) continue;
      painter.globalAlpha = 0.12 + 0.68 * Math.sqrt(sum / most);
      painter.fillRect(bin, line + lineHeight * 0.14, 1, lineHeight * 0.72);
    }
  }
  if (found !== null) {
    painter.globalAlpha = 1;
    painter.fillStyle = colours.ink;
    for (let row = 0; row < axis.shown.length; row++) {
      if (found[axis.shown[row] as number] === 1)
        painter.fillRect((axis.begins[row] as number) * scale - 0.5, 0, 2, 4);
    }
  }
  painter.globalAlpha = 1;
}

import type { TraceEvent } from '../drivers/simulation/index.ts';
import { describeEvent, formatDuration, formatTime } from './event-text.ts';
import { type Axis, layOut, rowAt, rowsOfEvents, usualGap } from './timeline-axis.ts';
import type {
  PageCanvas,
  PageDialog,
  PageElement,
  PageEvent,
  PageInput,
  PageWindow,
} from './timeline-dom.ts';
import { buildTimeline } from './timeline-model.ts';
import {
  type Colours,
  type Column,
  laneOf,
  middleOf,
  paint,
  paintOverview,
  placeColumns,
  type Scene,
} from './timeline-paint.ts';

// What is in this file runs in the page, as its own text: see timeline.ts.

/** Makes the page live. `root` is its window. */
export function showTimeline(root: PageWindow, events: readonly TraceEvent[]): void {
  const { document } = root;
  const element = <E extends PageElement>(id: string): E => {
    const found = document.getElementById(id);
    if (found === null) throw new Error(`Cannot show the timeline: the page has no #${id}`);
    return found as E;
  };
  const make = (name: string, className: string, text = ''): PageElement => {
    const made = document.createElement(name);
    made.className = className;
    if (text !== '') made.textContent = text;
    return made;
  };

  const timeWidth = 118;
  const rowHeightUsual = 22;
  const heightMax = 15_000_000;
  const kinds = ['sent', 'arrived', 'lost', 'task', 'host', 'fault', 'said'];
  const timeline = buildTimeline(events);
  const { hosts } = timeline;
  const usual = usualGap(events);
  const hues = [255, 50, 155, 350, 300, 95, 205, 125, 275, 20];

  const page = document.documentElement;
  const scroll = element('scroll');
  const space = element('space');
  const graph = element<PageCanvas>('graph');
  const heads = element('heads');
  const overview = element('overview');
  const overviewCanvas = element<PageCanvas>('overview-canvas');
  const overviewWindow = element('overview-window');
  const search = element<PageInput>('search');
  const found = element('found');
  const detail = element('detail');
  const tip = element('tip');
  const help = element<PageDialog>('help');

  const hostShown = hosts.map(() => true);
  const kindShown = new Map(kinds.map((kind) => [kind, true]));
  let axis: Axis = layOut(events, new Int32Array(0), usual);
  let rows: Int32Array = new Int32Array(0);
  let columns: Column[] = [];
  let graphWidth = 0;
  let rowHeight = rowHeightUsual;
  let selected = -1;
  let hovered = -1;
  let query = '';
  let texts: string[] | null = null;
  let isFound: Uint8Array | null = null;
  let foundCount = 0;
  let overviewStale = true;
  let frameWanted = false;
  let colours = readColours();

  // ---- what is seen of what there is

  function applyFilters(): void {
    const keep = selected;
    const shown: number[] = [];
    for (let place = 0; place < events.length; place++) {
      const host = timeline.hostOf[place] as number;
      const { kind } = events[place] as TraceEvent;
      if ((host === -1 || hostShown[host] === true) && kindShown.get(kind) !== false) shown.push(place);
    }
    axis = layOut(events, Int32Array.from(shown), usual);
    rows = rowsOfEvents(events.length, axis.shown);
    element('empty').hidden = axis.shown.length > 0;
    scroll.setAttribute('aria-rowcount', String(axis.shown.length));
    if (query !== '') applySearch();
    const lines = hostShown.filter((shown) => shown).length;
    overview.style['height'] = `${Math.max(30, Math.min(110, 6 + lines * 14))}px`;
    applySize();
    if (keep !== -1) scrollTo(keep);
  }

  function applySize(): void {
    const { clientWidth: width, clientHeight: height } = scroll;
    columns = placeColumns(timeline, hostShown, Math.max(120, (width - timeWidth) * 0.56));
    const last = columns[columns.length - 1];
    graphWidth = last === undefined ? 0 : Math.ceil(last.left + last.width);
    rowHeight = Math.max(leastRowHeight(), Math.min(40, heightMax / Math.max(1, axis.end), rowHeight));
    space.style['height'] = `${Math.max(height, Math.ceil(axis.end * rowHeight) + 8)}px`;
    space.style.setProperty('--graph', `${graphWidth}px`);
    const density = root.devicePixelRatio || 1;
    graph.width = Math.max(1, Math.round(graphWidth * density));
    graph.height = Math.max(1, Math.round(height * density));
    graph.style['left'] = `${timeWidth}px`;
    graph.style['width'] = `${graphWidth}px`;
    graph.style['height'] = `${height}px`;
    overviewCanvas.width = Math.round(overview.clientWidth * density);
    overviewCanvas.height = Math.round(overview.clientHeight * density);
    overviewStale = true;
    showHeads();
    wantFrame();
  }

  function leastRowHeight(): number {
    return Math.min(rowHeightUsual, (scroll.clientHeight - 10) / Math.max(1, axis.end));
  }

  function readColours(): Colours {
    const style = root.getComputedStyle(page);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const [lightness, chroma] = [colour('--lightness'), colour('--chroma')];
    const hatch = (line: string, ground: string) => {
      const tile = document.createElement('canvas') as PageCanvas;
      tile.width = 8;
      tile.height = 8;
      const painter = tile.getContext('2d');
      painter.globalAlpha = 0.3;
      painter.fillStyle = ground;
      painter.fillRect(0, 0, 8, 8);
      painter.globalAlpha = 0.45;
      painter.strokeStyle = line;
      painter.lineWidth = 1.2;
      painter.beginPath();
      for (const x of [-4, 4]) {
        painter.moveTo(x - 2, 10);
        painter.lineTo(x + 10, -2);
      }
      painter.stroke();
      return painter.createPattern(tile, 'repeat');
    };
    const host = (place: number) => `oklch(${lightness} ${chroma} ${hues[place % hues.length] ?? 0})`;
    for (let place = 0; place < hues.length; place++) page.style.setProperty(`--host-${place}`, host(place));
    return {
      host,
      surface: colour('--surface'),
      ink: colour('--ink'),
      muted: colour('--muted'),
      line: colour('--line'),
      bad: colour('--bad'),
      paused: hatch(colour('--muted'), colour('--line')),
      down: hatch(colour('--bad'), colour('--bad-soft')),
    };
  }

  function hostColour(host: number): string {
    return `var(--host-${host % hues.length})`;
  }

  function sceneNow(): Scene {
    return {
      timeline,
      axis,
      rows,
      columns,
      rowHeight,
      scrollTop: scroll.scrollTop,
      width: graphWidth,
      height: scroll.clientHeight,
      colours,
      selected,
      hovered,
    };
  }

  // ---- drawing

  function wantFrame(): void {
    if (frameWanted) return;
    frameWanted = true;
    root.requestAnimationFrame(() => {
      frameWanted = false;
      draw();
    });
  }

  function draw(): void {
    const scene = sceneNow();
    const density = root.devicePixelRatio || 1;
    const painter = graph.getContext('2d');
    painter.setTransform(density, 0, 0, density, 0, 0);
    paint(painter, scene);
    showRows(scene);
    if (overviewStale) {
      overviewStale = false;
      const size = { width: overview.clientWidth, height: overview.clientHeight };
      paintOverview(overviewCanvas, { ...scene, ...size }, density, isFound);
    }
    const total = Math.max(1, axis.end * rowHeight);
    const width = overview.clientWidth;
    const left = Math.min(1, scene.scrollTop / total) * width;
    overviewWindow.style['left'] = `${left}px`;
    overviewWindow.style['width'] = `${Math.min(width - left, (scene.height / total) * width)}px`;
  }

  function showHeads(): void {
    const children: PageElement[] = [];
    const head = (className: string, left: number, width: number, text: string) => {
      const made = make('span', className, text);
      made.style['left'] = `${left}px`;
      made.style['width'] = `${width}px`;
      made.title = text;
      children.push(made);
      return made;
    };
    head('', 0, timeWidth - 12, 'time in ms').style['textAlign'] = 'right';
    const narrow = columns.some(({ width }) => width < 56);
    heads.classList.toggle('narrow', narrow);
    for (const { host, left, width, line } of columns) {
      const name = hosts[host] as string;
      const made = narrow
        ? head('host', timeWidth + line - 8, 16, name)
        : head('host', timeWidth + left + 6, width - 8, name);
      made.style.setProperty('--host', hostColour(host));
    }
    head(
      '',
      timeWidth + graphWidth + 14,
      Math.max(0, scroll.clientWidth - timeWidth - graphWidth - 20),
      'what happens',
    );
    heads.replaceChildren(...children);
  }

  /** Rows for what is in the window; of those that have no space, what is rare goes first. */
  function showRows(scene: Scene): void {
    const children: PageElement[] = [];
    const count = axis.shown.length;
    if (count > 0) {
      const first = Math.max(0, rowAt(axis, scene.scrollTop / rowHeight) - 1);
      const last = Math.min(count - 1, rowAt(axis, (scene.scrollTop + scene.height) / rowHeight) + 1);
      let before = -1;
      for (const row of choose(first, last)) {
        children.push(rowElement(row, before));
        before = row;
      }
      if (rowHeight >= 10) {
        for (const { row, duration } of axis.gaps) {
          if (row >= first && row <= last + 1) children.push(gapElement(row, duration));
        }
      }
    }
    space.replaceChildren(...children);
    const at = selected === -1 ? -1 : (rows[selected] as number);
    if (at !== -1 && axis.shown[at] === selected && document.getElementById(`row-${at}`) !== null)
      scroll.setAttribute('aria-activedescendant', `row-${at}`);
    else scroll.removeAttribute('aria-activedescendant');
  }

  function choose(first: number, last: number): number[] {
    const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    if (rowHeight >= 15) return all;
    // One for each 15 pixels, and its neighbours not nearer than that.
    const taken = new Map<number, number>();
    const topOf = (row: number) => Math.max(0, ((axis.begins[row] as number) + 0.5) * rowHeight - 8);
    const take = (row: number) => {
      const slot = Math.floor(topOf(row) / 15);
      const [above, below] = [taken.get(slot - 1), taken.get(slot + 1)];
      if (taken.has(slot) || (above !== undefined && topOf(row) - topOf(above) < 15)) return;
      if (below === undefined || topOf(below) - topOf(row) >= 15) taken.set(slot, row);
    };
    if (selected !== -1) {
      const row = rows[selected] as number;
      if (row >= first && row <= last && axis.shown[row] === selected) take(row);
    }
    const kindOf = (row: number) => (events[axis.shown[row] as number] as TraceEvent).kind;
    for (const row of all) if (isFound?.[axis.shown[row] as number] === 1) take(row);
    for (const row of all) if (kindOf(row) === 'fault' || kindOf(row) === 'host') take(row);
    for (const row of all) if (kindOf(row) === 'said' || kindOf(row) === 'lost') take(row);
    for (const row of all) take(row);
    return [...taken.values()].sort((a, b) => a - b);
  }

  /** @param previous the row above it, -1: none */
  function rowElement(row: number, previous: number): PageElement {
    const place = axis.shown[row] as number;
    const event = events[place] as TraceEvent;
    const height = Math.max(16, rowHeight);
    const before = previous === -1 ? null : (events[axis.shown[previous] as number] as TraceEvent);
    const other = selected !== -1 && timeline.otherEnd[selected] === place;
    const classes = ['row', event.kind];
    if (place === selected) classes.push('selected');
    else if (other) classes.push('other');
    if (before !== null && formatTime(before.time) === formatTime(event.time)) classes.push('same');
    const made = make('div', classes.join(' '));
    made.id = `row-${row}`;
    made.setAttribute('role', 'row');
    made.setAttribute('aria-rowindex', String(row + 1));
    made.setAttribute('aria-selected', String(place === selected));
    made.style['top'] =
      `${Math.max(0, (axis.begins[row] as number) * rowHeight + (rowHeight - height) / 2)}px`;
    made.style['height'] = `${height}px`;
    const time = make('span', 'time', groupDigits(formatTime(event.time)));
    time.setAttribute('role', 'gridcell');
    time.style['width'] = `${timeWidth}px`;
    const what = make('span', 'what');
    what.setAttribute('role', 'gridcell');
    what.style['left'] = `${timeWidth + graphWidth + 14}px`;
    what.append(...describe(place));
    made.append(time, what);
    return made;
  }

  function groupDigits(number: string): string {
    return number.replace(/\B(?=(?:\d{3})+\.)/g, '\u202f');
  }

  function describe(place: number): PageElement[] {
    const event = events[place] as TraceEvent;
    const parts: PageElement[] = [];
    if (event.host !== null) {
      const who = make('span', 'who');
      who.append(...marked(event.host));
      who.style.setProperty('--host', hostColour(timeline.hostOf[place] as number));
      parts.push(who);
    }
    const where = make('span', event.kind === 'lost' ? 'bad' : 'where');
    const number = event.message === undefined ? '' : ` #${event.message}`;
    const peer = event.peer ?? '?';
    if (event.kind === 'sent') where.append(' → ', ...marked(peer), `${number} `);
    else if (event.kind === 'arrived') where.append(' ← ', ...marked(peer), `${number} `);
    else if (event.kind === 'lost') where.append(' ✕ ', ...marked(peer), `${number} lost `);
    else if (event.kind === 'host' || event.kind === 'fault')
      where.append(event.host === null ? '' : ' ', make('span', 'tag', event.kind), ' ');
    else where.append(event.host === null ? '' : ' ');
    const text = make('span', 'text');
    text.append(...marked(event.kind === 'said' ? `“${event.text}”` : event.text));
    parts.push(where, text);
    return parts;
  }

  /** The text, with what is searched for set off. */
  function marked(text: string): (PageElement | string)[] {
    const lower = text.toLowerCase();
    // Where other letters have other lengths in lower case, places would not agree.
    if (query === '' || lower.length !== text.length || !lower.includes(query)) return [text];
    const parts: (PageElement | string)[] = [];
    let from = 0;
    for (let at = lower.indexOf(query); at !== -1; at = lower.indexOf(query, from)) {
      parts.push(text.slice(from, at), make('mark', '', text.slice(at, at + query.length)));
      from = at + query.length;
    }
    parts.push(text.slice(from));
    return parts;
  }

  function gapElement(row: number, duration: number): PageElement {
    const made = make('div', 'gap');
    made.setAttribute('role', 'presentation');
    made.style['top'] = `${((axis.begins[row] as number) - 1.4) * rowHeight}px`;
    made.style['height'] = `${1.4 * rowHeight}px`;
    made.append(make('span', '', formatDuration(duration)));
    return made;
  }

  // ---- selecting

  function select(place: number): void {
    selected = place;
    if (place !== -1) scrollTo(place);
    showDetail();
    wantFrame();
  }

  function scrollTo(place: number): void {
    const row = rows[place] as number;
    const top = (axis.begins[Math.min(row, axis.begins.length - 1)] ?? 0) * rowHeight;
    const height = scroll.clientHeight;
    const margin = Math.min(80, height / 4);
    if (top < scroll.scrollTop + margin) scroll.scrollTop = Math.max(0, top - margin);
    else if (top + rowHeight > scroll.scrollTop + height - margin)
      scroll.scrollTop = top + rowHeight + margin - height;
  }

  function showDetail(): void {
    if (selected === -1) {
      const hint = make('p', 'facts', 'Select an event to see all of it. Press ? for the keys.');
      detail.replaceChildren(hint);
      return;
    }
    const event = events[selected] as TraceEvent;
    const text = make('p', 'text', event.text);
    const facts = make('p', 'facts');
    const fact = (name: string, value: string) => {
      const made = make('span', '', `${name} `);
      made.append(make('b', '', value));
      facts.append(made);
    };
    const go = (label: string, key: string, place: number) => {
      if (place === -1) return;
      const button = make('button', '', label);
      button.setAttribute('aria-keyshortcuts', key);
      button.title = `key ${key}`;
      button.addEventListener('click', () => {
        select(place);
        scroll.focus();
      });
      facts.append(button);
    };
    fact('event', `${selected + 1} of ${events.length}`);
    fact('at', `${event.time} ms`);
    if (event.host !== null) fact('host', event.host);
    fact('kind', event.kind);
    const other = timeline.otherEnd[selected] as number;
    if (event.message !== undefined) {
      fact('message', `#${event.message}`);
      if (event.peer !== undefined) fact(event.kind === 'arrived' ? 'from' : 'to', event.peer);
      if (other !== -1) {
        const took = Math.abs((events[other] as TraceEvent).time - event.time);
        fact('on its way for', formatDuration(took));
      } else if (event.kind === 'sent') {
        fact('end', 'still on its way');
      }
    }
    const task = timeline.tasks[timeline.taskOf[selected] as number];
    if (task !== undefined) {
      fact('task', task.name === '' ? String(task.number) : `${task.number} ${task.name}`);
      const next = nextOf(task.events, selected);
      if (next !== -1 && event.state === 'waiting')
        fact('waits for', formatDuration((events[next] as TraceEvent).time - event.time));
    }
    go('Other end of the message', 'm', other);
    if (task !== undefined) {
      go('Before, in this task', 'T', previousOf(task.events, selected));
      go('Next in this task', 't', nextOf(task.events, selected));
    }
    detail.replaceChildren(text, facts);
  }

  function nextOf(places: readonly number[], place: number): number {
    return places.find((each) => each > place) ?? -1;
  }

  function previousOf(places: readonly number[], place: number): number {
    let previous = -1;
    for (const each of places) if (each < place) previous = each;
    return previous;
  }

  function move(by: number): void {
    const count = axis.shown.length;
    if (count === 0) return;
    const inView = rowAt(axis, scroll.scrollTop / rowHeight);
    // With the first key, what is in view.
    const from = selected !== -1 ? (rows[selected] as number) : Math.abs(by) === 1 ? inView - by : inView;
    const row = Math.min(count - 1, from + by);
    select(axis.shown[Math.max(0, row)] as number);
  }

  /** To the nearest event that is shown and is wanted, in that direction. */
  function seek(direction: 1 | -1, wanted: (place: number) => boolean): boolean {
    const from =
      selected === -1 ? rowAt(axis, scroll.scrollTop / rowHeight) - direction : (rows[selected] as number);
    for (let row = from + direction; row >= 0 && row < axis.shown.length; row += direction) {
      const place = axis.shown[row] as number;
      if (!wanted(place)) continue;
      select(place);
      return true;
    }
    return false;
  }

  function seekOnHost(direction: 1 | -1): void {
    const host = selected === -1 ? -1 : timeline.hostOf[selected];
    seek(direction, (place) => timeline.hostOf[place] === host);
  }

  function seekInTask(direction: 1 | -1): void {
    const task = selected === -1 ? -1 : timeline.taskOf[selected];
    if (task !== -1) seek(direction, (place) => timeline.taskOf[place] === task);
  }

  function toOtherEnd(): void {
    const other = selected === -1 ? -1 : (timeline.otherEnd[selected] as number);
    if (other !== -1) select(other);
  }

  // ---- searching

  function applySearch(): void {
    query = search.value.trim().toLowerCase();
    foundCount = 0;
    isFound = null;
    if (query !== '') {
      texts ??= events.map((event) => `${event.host ?? ''} ${describeEvent(event)}`.toLowerCase());
      isFound = new Uint8Array(events.length);
      for (const place of axis.shown) {
        if (!(texts[place] as string).includes(query)) continue;
        isFound[place] = 1;
        foundCount++;
      }
    }
    overviewStale = true;
    showFound();
    wantFrame();
  }

  function showFound(): void {
    let text = '';
    if (query !== '') {
      let at = 0;
      if (selected !== -1 && isFound?.[selected] === 1) {
        const row = rows[selected] as number;
        for (let each = 0; each <= row; each++) if (isFound[axis.shown[each] as number] === 1) at++;
      }
      text = foundCount === 0 ? 'nothing found' : at === 0 ? `${foundCount} found` : `${at} of ${foundCount}`;
    }
    found.textContent = text;
  }

  function toFound(direction: 1 | -1): void {
    if (foundCount === 0) return;
    const wanted = (place: number) => isFound?.[place] === 1;
    if (!seek(direction, wanted)) {
      // Around the end.
      selected = axis.shown[direction === 1 ? 0 : axis.shown.length - 1] as number;
      if (wanted(selected)) select(selected);
      else seek(direction, wanted);
    }
    showFound();
  }

  // ---- zooming

  /** @param y where in the window time is to stay */
  function zoom(height: number, y: number): void {
    const position = (scroll.scrollTop + y) / rowHeight;
    rowHeight = height;
    applySize();
    scroll.scrollTop = Math.max(0, position * rowHeight - y);
  }

  function zoomBy(factor: number, y?: number): void {
    const inView = selected === -1 ? -1 : middleOf(sceneNow(), selected);
    const middle = inView > 0 && inView < scroll.clientHeight ? inView : scroll.clientHeight / 2;
    zoom(rowHeight * factor, y ?? middle);
  }

  // ---- pointing

  function eventAt(x: number, y: number): number {
    if (axis.shown.length === 0) return -1;
    const row = rowAt(axis, (scroll.scrollTop + y) / rowHeight);
    const inGraph = x >= 0 && x < graphWidth;
    if (inGraph) {
      const message = messageAt(x, y);
      if (message !== -1) return message;
      const task = taskAt(x, y);
      if (task !== -1) return task;
    }
    return axis.shown[row] as number;
  }

  function messageAt(x: number, y: number): number {
    const scene = sceneNow();
    let best = 5;
    let place = -1;
    for (const { from, to, sent, ended } of timeline.messages) {
      if (sent === -1 || ended === -1) continue;
      const begin = columns.find(({ host }) => host === from);
      const end = columns.find(({ host }) => host === to);
      if (begin === undefined || end === undefined || from === to) continue;
      const top = middleOf(scene, sent);
      const bottom = middleOf(scene, ended);
      if (y < top - 4 || y > bottom + 4) continue;
      const [dx, dy] = [end.line - begin.line, bottom - top];
      const part = Math.max(0, Math.min(1, ((x - begin.line) * dx + (y - top) * dy) / (dx * dx + dy * dy)));
      const [ex, ey] = [x - begin.line - part * dx, y - top - part * dy];
      const distance = Math.sqrt(ex * ex + ey * ey);
      if (distance >= best) continue;
      best = distance;
      place = part > 0.5 ? ended : sent;
    }
    return place;
  }

  function taskAt(x: number, y: number): number {
    const scene = sceneNow();
    const column = columns.find(({ left, width }) => x >= left && x < left + width);
    if (column === undefined) return -1;
    const row = rowAt(axis, (scroll.scrollTop + y) / rowHeight);
    for (const task of timeline.tasks) {
      if (task.host !== column.host || Math.abs(laneOf(column, task.lane) - x) > column.laneWidth / 2 + 1)
        continue;
      const first = task.events[0] as number;
      if (middleOf(scene, first) > y + 4) continue;
      if (task.ended !== -1 && middleOf(scene, task.ended) < y - 4) continue;
      let at = first;
      for (const place of task.events) {
        if ((rows[place] as number) > row) break;
        at = place;
      }
      return at;
    }
    return -1;
  }

  function point(event: PageEvent): void {
    const { left, top } = scroll.getBoundingClientRect();
    const x = event.clientX - left - timeWidth;
    const place = eventAt(x, event.clientY - top);
    const inGraph = x >= 0 && x < graphWidth;
    if (place !== hovered) {
      hovered = place;
      wantFrame();
    }
    tip.hidden = !inGraph || place === -1;
    if (tip.hidden) return;
    const { host, time } = events[place] as TraceEvent;
    tip.textContent = `${formatTime(time)} ms  ${host ?? ''}\n${describeEvent(events[place] as TraceEvent)}`;
    tip.style['left'] = `${Math.min(event.clientX + 14, page.clientWidth - 430)}px`;
    tip.style['top'] = `${Math.min(event.clientY + 16, page.clientHeight - 60)}px`;
  }

  function toOverview(event: PageEvent): void {
    const { left, width } = overview.getBoundingClientRect();
    const part = Math.max(0, Math.min(1, (event.clientX - left) / width));
    scroll.scrollTop = part * axis.end * rowHeight - scroll.clientHeight / 2;
    wantFrame();
  }

  // ---- controls

  function chip(
    into: PageElement,
    label: string,
    count: number,
    dot: string,
    toggle: (on: boolean) => void,
  ): void {
    const made = make('label', 'chip');
    const box = document.createElement('input') as PageInput;
    box.type = 'checkbox';
    box.checked = true;
    box.addEventListener('change', () => {
      toggle(box.checked);
      applyFilters();
    });
    const text = make('span', '', label);
    text.title = label;
    text.append(make('small', '', String(count)));
    if (dot !== '') text.style.setProperty('--dot', dot);
    made.append(box, text);
    into.append(made);
  }

  function addControls(): void {
    const perHost = hosts.map(() => 0);
    const perKind = new Map(kinds.map((kind) => [kind, 0]));
    for (let place = 0; place < events.length; place++) {
      const host = timeline.hostOf[place] as number;
      const { kind } = events[place] as TraceEvent;
      if (host !== -1) perHost[host] = (perHost[host] as number) + 1;
      perKind.set(kind, (perKind.get(kind) ?? 0) + 1);
    }
    for (const [host, name] of hosts.entries()) {
      chip(element('hosts'), name, perHost[host] as number, hostColour(host), (on) => {
        hostShown[host] = on;
      });
    }
    for (const kind of kinds) {
      const count = perKind.get(kind) ?? 0;
      const dot = kind === 'lost' || kind === 'fault' ? 'var(--bad)' : '';
      if (count > 0) chip(element('kinds'), kind, count, dot, (on) => void kindShown.set(kind, on));
    }
    const on = (id: string, action: () => void) => element(id).addEventListener('click', action);
    on('previous', () => toFound(-1));
    on('next', () => toFound(1));
    on('zoom-in', () => zoomBy(1.3));
    on('zoom-out', () => zoomBy(1 / 1.3));
    on('zoom-fit', () => zoom(leastRowHeight(), 0));
    on('zoom-usual', () => zoomBy(rowHeightUsual / rowHeight));
    on('theme', () => setTheme(page.style['colorScheme'] === 'dark' ? 'light' : 'dark'));
    on('show-help', () => help.showModal());
    on('close-help', () => help.close());
  }

  function setTheme(theme: 'light' | 'dark'): void {
    page.setAttribute('data-theme', theme);
    page.style['colorScheme'] = theme;
    colours = readColours();
    overviewStale = true;
    wantFrame();
  }

  /** True: the key meant something. */
  function press(event: PageEvent): boolean {
    const page = Math.max(1, Math.floor(scroll.clientHeight / Math.max(4, rowHeight)) - 2);
    const { key } = event;
    if (key === 'ArrowDown' || key === 'j') move(1);
    else if (key === 'ArrowUp' || key === 'k') move(-1);
    else if (key === 'PageDown') move(page);
    else if (key === 'PageUp') move(-page);
    else if (key === 'Home' || key === 'g') move(-axis.shown.length);
    else if (key === 'End' || key === 'G') move(axis.shown.length);
    else if (key === 'ArrowRight' || key === 'l') seekOnHost(1);
    else if (key === 'ArrowLeft' || key === 'h') seekOnHost(-1);
    else if (key === 'm' || key === 'Enter') toOtherEnd();
    else if (key === 't') seekInTask(1);
    else if (key === 'T') seekInTask(-1);
    else if (key === 'n') toFound(1);
    else if (key === 'N') toFound(-1);
    else if (key === '+' || key === '=') zoomBy(1.3);
    else if (key === '-') zoomBy(1 / 1.3);
    else if (key === '0') zoom(leastRowHeight(), 0);
    else if (key === '1') zoomBy(rowHeightUsual / rowHeight);
    else if (key === '/') search.select();
    else if (key === '?') help.showModal();
    else if (key === 'Escape') select(-1);
    else return false;
    return true;
  }

  function listen(): void {
    new root.ResizeObserver(applySize).observe(scroll);
    const dark = root.matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', () => setTheme(dark.matches ? 'dark' : 'light'));
    scroll.addEventListener('scroll', () => wantFrame(), { passive: true });
    scroll.addEventListener('pointermove', point, { passive: true });
    scroll.addEventListener(
      'pointerleave',
      () => {
        hovered = -1;
        tip.hidden = true;
        wantFrame();
      },
      { passive: true },
    );
    scroll.addEventListener('click', (event) => {
      const { left, top } = scroll.getBoundingClientRect();
      select(eventAt(event.clientX - left - timeWidth, event.clientY - top));
    });
    scroll.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientY - scroll.getBoundingClientRect().top);
      },
      { passive: false },
    );
    overview.addEventListener('pointerdown', (event) => {
      overview.setPointerCapture(event.pointerId);
      toOverview(event);
    });
    overview.addEventListener('pointermove', (event) => {
      if (event.buttons !== 0) toOverview(event);
    });
    search.addEventListener('input', applySearch);
    search.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') toFound(event.shiftKey ? -1 : 1);
      else if (event.key === 'Escape' || event.key === 'ArrowDown') scroll.focus();
      else return;
      event.preventDefault();
    });
    root.addEventListener('keydown', (event) => {
      const { target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || help.open || target === search) return;
      const named = target as { readonly tagName?: string } | null;
      if (named?.tagName === 'BUTTON' || named?.tagName === 'INPUT') {
        if (event.key === 'Enter' || event.key.startsWith('Arrow')) return;
      }
      if (press(event)) event.preventDefault();
    });
  }

  addControls();
  listen();
  setTheme(root.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  applyFilters();
  showDetail();
}

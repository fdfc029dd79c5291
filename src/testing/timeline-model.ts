import type { TraceEvent } from '../drivers/simulation/index.ts';

// What is in this file runs in the page too, as its own text: see timeline.ts.

export interface TimelineMessage {
  readonly number: number;
  /** hosts, by their place in `Timeline.hosts`; -1: unknown */
  readonly from: number;
  readonly to: number;
  /** events, by their place; -1: it is not among them */
  readonly sent: number;
  readonly ended: number;
  readonly lost: boolean;
}

export interface TimelineTask {
  readonly host: number;
  readonly number: number;
  name: string;
  /** the events that are its own, by their place */
  readonly events: number[];
  /** the event with which it ended, or its host stopped; -1: it did not */
  ended: number;
  /** side by side with tasks of the same host that are there at the same time; from 0 on */
  lane: number;
}

/** What lasts: a host that is not running, or a link that is cut. */
export interface TimelineArea {
  readonly what: 'paused' | 'down' | 'ended' | 'cut';
  readonly host: number;
  /** the other end of the link; -1: all of them */
  readonly peer: number;
  readonly begins: number;
  ends: number;
}

/** What there is to draw, as far as it is independent of who looks at it. */
export interface Timeline {
  readonly events: readonly TraceEvent[];
  readonly hosts: readonly string[];
  readonly messages: readonly TimelineMessage[];
  readonly tasks: readonly TimelineTask[];
  readonly areas: readonly TimelineArea[];
  /** by event: its host, -1: none */
  readonly hostOf: Int32Array;
  /** by event: its task, -1: none */
  readonly taskOf: Int32Array;
  /** by event: the other end of its message, -1: none */
  readonly otherEnd: Int32Array;
  /** by host: how many lanes its tasks need */
  readonly lanes: readonly number[];
}

export function buildTimeline(events: readonly TraceEvent[]): Timeline {
  const hosts: string[] = [];
  const places = new Map<string, number>();
  const placeOf = (host: string | null | undefined): number => {
    if (host === null || host === undefined) return -1;
    let place = places.get(host);
    if (place === undefined) {
      place = hosts.length;
      places.set(host, place);
      hosts.push(host);
    }
    return place;
  };

  const messages: TimelineMessage[] = [];
  const tasks: TimelineTask[] = [];
  const areas: TimelineArea[] = [];
  const hostOf = new Int32Array(events.length);
  const taskOf = new Int32Array(events.length).fill(-1);
  const otherEnd = new Int32Array(events.length).fill(-1);
  const sending = new Map<number, number>();
  const arrived = new Set<number>();
  const taskPlaces = new Map<string, number>();
  const openAreas = new Map<string, TimelineArea>();

  const sentBy = (place: number): number => (place === -1 ? -1 : (hostOf[place] as number));
  const closeArea = (key: string, place: number) => {
    const area = openAreas.get(key);
    if (area === undefined) return;
    area.ends = place;
    openAreas.delete(key);
  };
  const openArea = (key: string, what: TimelineArea['what'], host: number, peer: number, place: number) => {
    closeArea(key, place);
    const area = { what, host, peer, begins: place, ends: -1 };
    areas.push(area);
    openAreas.set(key, area);
  };

  for (let place = 0; place < events.length; place++) {
    const { kind, host, peer, message, task, name, state } = events[place] as TraceEvent;
    const own = placeOf(host);
    const other = placeOf(peer);
    hostOf[place] = own;
    if (message !== undefined) {
      if (kind === 'sent') {
        sending.set(message, place);
      } else if (kind === 'arrived' || kind === 'lost') {
        const sent = sending.get(message) ?? -1;
        const from = sent === -1 ? (kind === 'arrived' ? other : own) : sentBy(sent);
        const to = sent === -1 ? (kind === 'arrived' ? own : other) : placeOf(events[sent]?.peer);
        messages.push({ number: message, from, to, sent, ended: place, lost: kind === 'lost' });
        otherEnd[place] = sent;
        // Of one that arrives twice, the first arrival is where its sending leads to.
        if (sent !== -1 && !arrived.has(message)) otherEnd[sent] = place;
        arrived.add(message);
      }
    }
    if (task !== undefined && own !== -1) {
      const key = `${own} ${task}`;
      let at = taskPlaces.get(key);
      if (at === undefined) {
        at = tasks.length;
        taskPlaces.set(key, at);
        tasks.push({ host: own, number: task, name: '', events: [], ended: -1, lane: 0 });
      }
      const known = tasks[at] as TimelineTask;
      taskOf[place] = at;
      known.events.push(place);
      if (name !== undefined && name !== '') known.name = name;
      if (state === 'done' || state === 'cancelled' || state === 'failed') known.ended = place;
    } else if (own !== -1) {
      if (state === 'paused' || state === 'down' || state === 'ended')
        openArea(`${own}`, state, own, -1, place);
      else if (state === 'up') closeArea(`${own}`, place);
      else if (state === 'cut') openArea(`${own} ${other}`, 'cut', own, other, place);
      else if (state === 'whole') closeArea(`${own} ${other}`, place);
      if (state === 'down' || state === 'ended')
        for (const each of tasks) if (each.host === own && each.ended === -1) each.ended = place;
    }
  }
  for (const [number, sent] of sending) {
    if (arrived.has(number)) continue;
    messages.push({
      number,
      from: sentBy(sent),
      to: placeOf(events[sent]?.peer),
      sent,
      ended: -1,
      lost: false,
    });
  }
  return {
    events,
    hosts,
    messages,
    tasks,
    areas,
    hostOf,
    taskOf,
    otherEnd,
    lanes: giveLanes(tasks, hosts.length),
  };
}

/** Gives each task the first lane of its host that is free all the time the task is there. Returns how many there are. */
export function giveLanes(tasks: readonly TimelineTask[], hosts: number): number[] {
  // By host and lane: the event with which the last task in it ends.
  const lanes: number[][] = Array.from({ length: hosts }, () => []);
  for (const task of tasks) {
    const ends = lanes[task.host] as number[];
    const begins = task.events[0] as number;
    let lane = ends.findIndex((end) => end < begins);
    if (lane === -1) lane = ends.length;
    ends[lane] = task.ended === -1 ? Infinity : task.ended;
    task.lane = lane;
  }
  return lanes.map(({ length }) => length);
}

import type { TraceEvent } from '../../src/drivers/simulation/index.ts';
import { Random } from '../support/random.ts';

/** A small course of events with a bit of everything. */
export function sampleEvents(): TraceEvent[] {
  return [
    { time: 0, host: 'test', kind: 'host', text: 'starts', state: 'up' },
    { time: 0, host: 'server', kind: 'host', text: 'starts', state: 'up' },
    { time: 0, host: 'client', kind: 'host', text: 'starts', state: 'up' },
    {
      time: 0,
      host: 'server',
      kind: 'task',
      text: 'task 1 main is made',
      task: 1,
      name: 'main',
      state: 'created',
    },
    {
      time: 0,
      host: 'client',
      kind: 'task',
      text: 'task 1 main is made',
      task: 1,
      name: 'main',
      state: 'created',
    },
    {
      time: 0,
      host: 'server',
      kind: 'task',
      text: 'task 1 main goes on',
      task: 1,
      name: 'main',
      state: 'running',
    },
    {
      time: 0,
      host: 'server',
      kind: 'task',
      text: 'task 1 main waits for a future',
      task: 1,
      name: 'main',
      state: 'waiting',
    },
    {
      time: 0,
      host: 'client',
      kind: 'task',
      text: 'task 1 main goes on',
      task: 1,
      name: 'main',
      state: 'running',
    },
    { time: 0, host: 'client', kind: 'sent', text: 'SYN to port 80', message: 1, peer: 'server' },
    {
      time: 0,
      host: 'client',
      kind: 'task',
      text: 'task 1 main waits for a future',
      task: 1,
      name: 'main',
      state: 'waiting',
    },
    { time: 0.75, host: 'server', kind: 'arrived', text: 'SYN to port 80', message: 1, peer: 'client' },
    { time: 0.75, host: 'server', kind: 'sent', text: 'SYN+ACK', message: 2, peer: 'client' },
    {
      time: 0.75,
      host: 'server',
      kind: 'task',
      text: 'task 2 handle is made',
      task: 2,
      name: 'handle',
      state: 'created',
    },
    {
      time: 0.75,
      host: 'server',
      kind: 'task',
      text: 'task 2 handle goes on',
      task: 2,
      name: 'handle',
      state: 'running',
    },
    {
      time: 0.75,
      host: 'server',
      kind: 'task',
      text: 'task 2 handle waits for a future',
      task: 2,
      name: 'handle',
      state: 'waiting',
    },
    { time: 1.6, host: 'client', kind: 'arrived', text: 'SYN+ACK', message: 2, peer: 'server' },
    {
      time: 1.6,
      host: 'client',
      kind: 'task',
      text: 'task 1 main goes on',
      task: 1,
      name: 'main',
      state: 'running',
    },
    { time: 1.6, host: 'client', kind: 'said', text: 'connected' },
    { time: 1.6, host: 'client', kind: 'sent', text: '18 bytes', message: 3, peer: 'server' },
    {
      time: 1.6,
      host: 'client',
      kind: 'task',
      text: 'task 1 main waits for a future',
      task: 1,
      name: 'main',
      state: 'waiting',
    },
    {
      time: 2.125,
      host: 'test',
      kind: 'fault',
      text: 'the link from client to server is cut',
    },
    { time: 2.125, host: 'client', kind: 'fault', text: 'no way to server', state: 'cut', peer: 'server' },
    {
      time: 2.5,
      host: 'client',
      kind: 'lost',
      text: '18 bytes: the link is cut',
      message: 3,
      peer: 'server',
    },
    { time: 202.5, host: 'client', kind: 'sent', text: '18 bytes, again', message: 4, peer: 'server' },
    {
      time: 202.5,
      host: 'client',
      kind: 'lost',
      text: '18 bytes, again: the link is cut',
      message: 4,
      peer: 'server',
    },
    { time: 300, host: 'server', kind: 'host', text: 'is paused', state: 'paused' },
    {
      time: 310,
      host: 'client',
      kind: 'fault',
      text: 'the way to server is whole',
      state: 'whole',
      peer: 'server',
    },
    { time: 400, host: 'server', kind: 'host', text: 'goes on', state: 'up' },
    { time: 2_398_000, host: 'client', kind: 'sent', text: '18 bytes, again', message: 5, peer: 'server' },
    {
      time: 2_398_001.25,
      host: 'server',
      kind: 'arrived',
      text: '18 bytes, again',
      message: 5,
      peer: 'client',
    },
    {
      time: 2_398_001.25,
      host: 'server',
      kind: 'task',
      text: 'task 2 handle goes on',
      task: 2,
      name: 'handle',
      state: 'running',
    },
    {
      time: 2_398_001.25,
      host: 'server',
      kind: 'task',
      text: 'task 2 handle fails: Error: no such page </script><script>hurt()</script>',
      task: 2,
      name: 'handle',
      state: 'failed',
    },
    { time: 2_398_001.5, host: 'server', kind: 'host', text: 'loses its power', state: 'down' },
    { time: 2_398_002, host: 'client', kind: 'sent', text: '4 bytes', message: 6, peer: 'server' },
    {
      time: 2_398_004,
      host: 'client',
      kind: 'task',
      text: 'task 1 main is cancelled',
      task: 1,
      name: 'main',
      state: 'cancelled',
    },
  ].map(({ peer, ...event }) => (peer === undefined ? event : { ...event, peer }) as TraceEvent);
}

/** As many events as asked for, of `hosts` hosts that send one another messages, by tasks that come and go. */
export function manyEvents(count: number, hosts = 5, seed = 1): TraceEvent[] {
  const random = new Random(seed);
  const events: TraceEvent[] = [];
  const names = Array.from({ length: hosts }, (_, index) => (index === 0 ? 'leader' : `follower-${index}`));
  const travelling: { at: number; event: TraceEvent }[] = [];
  const tasks = names.map(() => ({ made: 0, open: [] as number[] }));
  let time = 0;
  let message = 0;
  const below = (limit: number) => random.below(limit);
  for (const host of names) events.push({ time, host, kind: 'host', text: 'starts', state: 'up' });
  while (events.length < count) {
    travelling.sort((a, b) => a.at - b.at);
    const first = travelling[0];
    if (first !== undefined && (first.at <= time || below(3) === 0)) {
      travelling.shift();
      time = Math.max(time, first.at);
      events.push({ ...first.event, time });
      continue;
    }
    if (below(200) === 0) time += 100 + below(60_000);
    else if (below(3) === 0) time += below(2000) / 1000;
    const from = below(hosts);
    const host = names[from] as string;
    const own = tasks[from] as (typeof tasks)[number];
    const what = below(10);
    if (what < 4) {
      const to = (from + 1 + below(hosts - 1)) % hosts;
      const peer = names[to] as string;
      const number = ++message;
      const text = `append term ${1 + (number >> 7)} index ${number}`;
      events.push({ time, host, kind: 'sent', text, message: number, peer });
      const at = time + 0.5 + below(4000) / 1000;
      if (below(25) === 0)
        travelling.push({
          at,
          event: { time, host, kind: 'lost', text: `${text}: noise`, message: number, peer },
        });
      else
        travelling.push({
          at,
          event: { time, host: peer, kind: 'arrived', text, message: number, peer: host },
        });
    } else if (what < 5 && own.open.length < 6) {
      const task = ++own.made;
      own.open.push(task);
      events.push({
        time,
        host,
        kind: 'task',
        text: `task ${task} serve is made`,
        task,
        name: 'serve',
        state: 'created',
      });
    } else if (own.open.length > 0) {
      const place = below(own.open.length);
      const task = own.open[place] as number;
      const step = (text: string, state: 'running' | 'waiting' | 'done') =>
        events.push({
          time,
          host,
          kind: 'task',
          text: `task ${task} serve ${text}`,
          task,
          name: 'serve',
          state,
        });
      step('goes on', 'running');
      if (below(5) === 0) {
        step('returns', 'done');
        own.open.splice(place, 1);
      } else {
        step('waits for a future', 'waiting');
      }
    } else {
      events.push({ time, host, kind: 'said', text: `commit ${message}` });
    }
  }
  return events.slice(0, count);
}

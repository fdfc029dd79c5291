import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../../support/random.ts';
import { type StreamEnd, StreamHosts } from './stream-ends.ts';
import { TurnedWorld } from './turned-hosts.ts';

/** What one end sends, and has been told of it. */
class Writing {
  readonly end: StreamEnd;
  readonly sent: Uint8Array[] = [];
  #ended = false;

  constructor(end: StreamEnd) {
    this.end = end;
  }

  get pending(): boolean {
    const last = this.end.calls.findLast((call) => call.startsWith('pending'));
    return this.#pending > 0 && last !== 'pending 0';
  }

  #pending = 0;

  write(data: Uint8Array): void {
    if (this.#ended || this.pending || this.end.failure !== null) return;
    this.end.calls.length = 0;
    this.#pending = this.end.write(data);
    this.sent.push(data);
  }

  shutdown(): void {
    if (this.#ended || this.end.failure !== null) return;
    assert.equal(this.pending, false);
    this.#ended = true;
    this.end.channel.shutdown();
  }
}

/** A connection whose ends write and pause as chance has it, over a network that does what it can. */
function course(seed: number, local: boolean): { events: string[] } {
  const random = new Random(seed);
  const turned = new TurnedWorld({
    seed,
    link: { latency: { min: 0, max: 100, median: 3 }, loss: random.below(2) * 0.1 },
  });
  const streams = new StreamHosts(turned);
  const one = turned.host('one');
  const other = local ? one : turned.host('other');
  const events: string[] = [];
  turned.world.trace = {
    note: ({ time, kind, text, message }) => void events.push(`${time} ${kind} ${text} ${message}`),
  };
  const [near, far] = streams.pair(one, other);
  const { network } = turned.world;
  const [there, back] = [new Writing(near), new Writing(far)];
  for (let step = 0; step < 60; step++) {
    const writing = random.below(2) === 0 ? there : back;
    switch (random.below(local ? 4 : 7)) {
      case 0:
      case 1:
        writing.write(new Uint8Array(1 + random.below(random.below(2) === 0 ? 100 : 200_000)).fill(step));
        break;
      case 2:
        writing.end.channel.pauseReading();
        break;
      case 3:
        writing.end.channel.startReading();
        break;
      case 4:
        network.partition(one.machine, other.machine, { oneWay: random.below(2) === 0 });
        break;
      case 5:
        network.heal();
        break;
      default:
        network.link(one.machine, other.machine).options = { latency: random.below(50), bandwidth: 1e5 };
    }
    turned.settle(streams.now + random.below(5000));
  }
  network.heal();
  near.channel.startReading();
  far.channel.startReading();
  turned.settle();
  for (const writing of [there, back]) writing.shutdown();
  turned.settle();
  for (const [writing, receiver] of [
    [there, far],
    [back, near],
  ] as const) {
    assert.equal(writing.end.failure, null);
    assert.ok(Buffer.concat(writing.sent).equals(Buffer.concat(receiver.chunks)));
    assert.ok(receiver.calls.includes('end'));
  }
  for (const { channel } of [near, far]) channel.close();
  turned.settle();
  assert.deepEqual([near.calls.at(-1), far.calls.at(-1)], ['closed', 'closed']);
  return { events };
}

describe('simulated streams in courses of chance', () => {
  it('lose and change nothing, and never stand still once the network is whole', () => {
    for (let seed = 0; seed < 150; seed++) course(seed, false);
  });

  it('do neither within one machine', () => {
    for (let seed = 0; seed < 50; seed++) course(seed, true);
  });

  it('are the same course each time', () => {
    for (let seed = 0; seed < 5; seed++) assert.deepEqual(course(seed, false), course(seed, false));
  });
});

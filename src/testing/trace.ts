import { createHash } from 'node:crypto';
import type { TraceEvent, TraceSink } from '../drivers/simulation/index.ts';
import { type TimelineOptions, timelineHtml } from './timeline.ts';
import { formatTrace } from './trace-text.ts';

const eventsMaxDefault = 100_000;
/** Characters hashed at once. */
const batchLength = 32_768;

export interface TraceOptions {
  /** events kept, of which the first ones are given up for later ones; 100 000 unless given, 0 keeps none */
  eventsMax?: number | undefined;
}

/**
 * What has happened in a simulation, in order. The same course of events gives the same bytes in every form, in every
 * runtime.
 */
export class Trace implements TraceSink {
  readonly #eventsMax: number;
  /** a ring, once it is full; the oldest one is at `#count % #eventsMax` then */
  readonly #kept: TraceEvent[] = [];
  #count = 0;
  readonly #hash = createHash('sha256');
  #unhashed = '';

  /** @throws {RangeError} the number of events is no integer from 0 on */
  constructor({ eventsMax = eventsMaxDefault }: TraceOptions = {}) {
    if (!Number.isSafeInteger(eventsMax) || eventsMax < 0)
      throw new RangeError(`Cannot trace: ${eventsMax} is no number of events to keep`);
    this.#eventsMax = eventsMax;
  }

  note(event: TraceEvent): void {
    this.#unhashed += canonicalText(event);
    if (this.#unhashed.length >= batchLength) this.#hashAll();
    const place = this.#count++;
    if (place < this.#eventsMax) this.#kept.push(event);
    else if (this.#eventsMax > 0) this.#kept[place % this.#eventsMax] = event;
  }

  /** How many events there were, those included that are kept no more. */
  get count(): number {
    return this.#count;
  }

  /** How many of the first events are not kept any more. */
  get omitted(): number {
    return this.#count - this.#kept.length;
  }

  /** Those that are kept, the oldest first; a new array. */
  get events(): TraceEvent[] {
    return this.last(this.#kept.length);
  }

  /** The last `count` of those that are kept, or as many as there are, the oldest first. */
  last(count: number): TraceEvent[] {
    const kept = this.#kept;
    const begin = this.omitted === 0 ? 0 : this.#count % this.#eventsMax;
    const skipped = Math.max(0, kept.length - count);
    return Array.from(
      { length: kept.length - skipped },
      (_, index) => kept[(begin + skipped + index) % kept.length] as TraceEvent,
    );
  }

  /** Of all events there ever were: 64 hexadecimal digits. */
  digest(): string {
    this.#hashAll();
    return this.#hash.copy().digest('hex');
  }

  /** For a person: an event a line, in columns. */
  toString(): string {
    return formatTrace(this.events, this.omitted);
  }

  /** A page for a browser, which needs nothing but itself. */
  toHtml(options: TimelineOptions = {}): string {
    return timelineHtml(this.events, this.omitted, options);
  }

  #hashAll(): void {
    this.#hash.update(this.#unhashed);
    this.#unhashed = '';
  }
}

/** The standard says to the last character what this is. */
function canonicalText({ time, host, kind, text, message, peer, task, name, state }: TraceEvent): string {
  return `${JSON.stringify([time, host, kind, text, message ?? 0, peer ?? 0, task ?? 0, name ?? 0, state ?? 0])}\n`;
}

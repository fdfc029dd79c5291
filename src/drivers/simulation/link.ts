import { checkLatency, drawLatency, type Latency } from './latency.ts';
import type { Machine } from './machine.ts';
import type { ChoiceKind, Choices } from './oracle.ts';

/** How one direction between two hosts behaves. */
export interface LinkOptions {
  /** one way, in milliseconds; 0.5 to 5, half of it below 1, unless given */
  latency?: Latency | undefined;
  /** bytes a second, of what programs send; no limit unless given */
  bandwidth?: number | undefined;
  /** how probably a packet is lost, 0 to 1; a stream sends it again, which takes time. 0 unless given */
  loss?: number | undefined;
  /** how probably a datagram arrives twice; 0 unless given */
  duplication?: number | undefined;
  /** how probably a datagram is held up, so that later ones overtake it; 0 unless given */
  reordering?: number | undefined;
}

/** All options, none left out. */
export type LinkBehaviour = { readonly [Name in keyof LinkOptions]-?: NonNullable<LinkOptions[Name]> };

const plainBehaviour: LinkBehaviour = {
  latency: { min: 0.5, max: 5, median: 1 },
  bandwidth: Infinity,
  loss: 0,
  duplication: 0,
  reordering: 0,
};

/** @throws {TypeError | RangeError} options that make no sense */
export function checkLinkOptions(options: LinkOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('Cannot set the link: its options are not an object');
  if (options.latency !== undefined) checkLatency(options.latency, 'the latency of the link');
  const { bandwidth } = options;
  if (bandwidth !== undefined && !(bandwidth > 0))
    throw new RangeError(`Cannot set the bandwidth: ${bandwidth} is no number of bytes a second above 0`);
  for (const name of ['loss', 'duplication', 'reordering'] as const) {
    const probability = options[name];
    if (probability !== undefined && !(probability >= 0 && probability <= 1))
      throw new RangeError(`Cannot set the ${name}: ${probability} is no probability, 0 to 1`);
  }
}

/**
 * One direction from a machine to another. It says of every packet when it arrives, or that it does not; whoever sends it
 * schedules what happens then, and looks then whether the machine is up.
 */
export class Link {
  readonly from: Machine;
  readonly to: Machine;
  /** a partition: nothing comes through. What is on its way already arrives */
  cut = false;
  /** what holds of it now */
  behaviour: LinkBehaviour = plainBehaviour;
  readonly #choices = new Map<string, Choices>();
  readonly #latencies: Choices;
  readonly #losses: Choices;
  #defaults: LinkOptions;
  #options: LinkOptions = {};
  /** until when it is busy with what was sent before */
  #busyUntil = 0;

  /** @internal by `Network.link` */
  constructor(from: Machine, to: Machine, defaults: LinkOptions) {
    this.from = from;
    this.to = to;
    this.#latencies = this.choices('latency', 'network');
    this.#latencies.describeBy((outcome) => {
      const drawn = drawLatency(this.behaviour.latency, { fraction: () => outcome / 2 ** 32 });
      return `${rounded(drawn)} ms`;
    });
    this.#losses = this.choices('loss', 'fault');
    this.#losses.describeBy(
      () => `${from.name} → ${to.name} loses a packet at ${rounded(from.world.now)} ms`,
    );
    this.#defaults = defaults;
    this.#behave();
  }

  /** What it was given; the rest is as the network has it. May be set at any time, and counts from the next packet on. */
  get options(): LinkOptions {
    return this.#options;
  }

  set options(options: LinkOptions) {
    checkLinkOptions(options);
    this.#options = { ...options };
    this.#behave();
  }

  /** @internal What the network has for links that were not given something else. */
  setDefaults(defaults: LinkOptions): void {
    this.#defaults = defaults;
    this.#behave();
  }

  /** The choices of this direction for that purpose; the same ones at every call. */
  choices(purpose: string, kind: ChoiceKind): Choices {
    let choices = this.#choices.get(purpose);
    if (choices === undefined) {
      choices = this.from.world.oracle.choices(`${purpose} ${this.from.name} → ${this.to.name}`, kind);
      this.#choices.set(purpose, choices);
    }
    return choices;
  }

  /**
   * Sends a packet now.
   *
   * @param byteCount of what a program sends; 0 for what only kernels tell each other
   * @param after not before this time: that of a packet which it must not overtake
   * @returns when it arrives, in the world's time; Infinity: it is lost
   */
  transmit(byteCount: number, after = 0): number {
    const { bandwidth, loss, latency } = this.behaviour;
    if (this.cut) return Infinity;
    let departure = this.from.world.now;
    if (bandwidth !== Infinity && byteCount > 0) {
      if (this.#busyUntil > departure) departure = this.#busyUntil;
      departure += (byteCount * 1000) / bandwidth;
      this.#busyUntil = departure;
    }
    if (loss > 0 && this.#losses.chance(loss)) return Infinity;
    const arrival = departure + drawLatency(latency, this.#latencies);
    return Math.max(arrival, after);
  }

  /** How long an empty packet takes at least. */
  get leastLatency(): number {
    const { latency } = this.behaviour;
    return typeof latency === 'number' ? latency : latency.min;
  }

  #behave(): void {
    const behaviour: { -readonly [Name in keyof LinkBehaviour]: LinkBehaviour[Name] } = { ...plainBehaviour };
    for (const options of [this.#defaults, this.#options]) {
      behaviour.latency = options.latency ?? behaviour.latency;
      behaviour.bandwidth = options.bandwidth ?? behaviour.bandwidth;
      behaviour.loss = options.loss ?? behaviour.loss;
      behaviour.duplication = options.duplication ?? behaviour.duplication;
      behaviour.reordering = options.reordering ?? behaviour.reordering;
    }
    this.behaviour = behaviour;
  }
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

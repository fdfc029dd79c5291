import type { Latency } from './latency.ts';
import type { World } from './world.ts';

/** How one direction between two hosts behaves. */
export interface LinkOptions {
  /** one way, in milliseconds; 0.5 to 5, half of it below 1, unless given */
  latency?: Latency | undefined;
  /** bytes a second; no limit unless given */
  bandwidth?: number | undefined;
  /** how probably a packet is lost, 0 to 1; a stream sends it again, which takes time. 0 unless given */
  loss?: number | undefined;
  /** how probably a datagram arrives twice; 0 unless given */
  duplication?: number | undefined;
  /** how probably a datagram is held up, so that later ones overtake it; 0 unless given */
  reordering?: number | undefined;
}

/** What connects the machines. */
export class Network {
  readonly world: World;
  readonly link: LinkOptions;

  constructor(world: World, link: LinkOptions = {}) {
    this.world = world;
    this.link = link;
  }
}

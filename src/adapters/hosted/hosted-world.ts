import { World } from '../../drivers/simulation/index.ts';
import type { Runnable } from '../../interface/index.ts';
import type { TimeSource } from './time-source.ts';

/** A simulated world whose time is somebody else's. */
export class HostedWorld extends World {
  /** Something is to happen that was not known of. */
  onScheduled: () => void = () => {};
  readonly #source: TimeSource;
  readonly #origin: number;

  constructor(source: TimeSource) {
    super();
    this.#source = source;
    this.#origin = source.now();
  }

  override get now(): number {
    return this.#source.now() - this.#origin;
  }

  override schedule(delay: number, event: Runnable): number {
    return this.scheduleAt(this.now + delay, event);
  }

  override scheduleAt(time: number, event: Runnable): number {
    const id = super.scheduleAt(time, event);
    this.onScheduled();
    return id;
  }
}

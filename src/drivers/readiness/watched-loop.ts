import type { WatchedLoop as WatchedLoopInterface } from '../../interface/index.ts';
import { READABLE } from '../../selectors/index.ts';
import type { Reactor } from './reactor.ts';
import { Watched } from './watched.ts';

/** Another loop of this thread, which is not ours to read: it is turned by whoever asks. */
export class WatchedLoop extends Watched implements WatchedLoopInterface {
  override readonly calls = false;
  readonly #reactor: Reactor;
  #wasReady = false;

  constructor(reactor: Reactor, descriptor: number) {
    super(descriptor);
    this.#reactor = reactor;
    reactor.want(this, READABLE);
  }

  wasReady(): boolean {
    const was = this.#wasReady;
    this.#wasReady = false;
    return was;
  }

  close(): void {
    this.#reactor.drop(this);
  }

  protected readable(): void {
    this.#wasReady = true;
  }

  protected writable(): void {
    // Never wanted.
  }

  override toString(): string {
    return '<I/O of another loop>';
  }
}

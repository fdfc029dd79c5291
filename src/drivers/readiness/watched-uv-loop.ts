import type { NameOperations, SignalOperations } from '../../interface/index.ts';
import { NotSupportedError } from '../../interface/index.ts';
import { READABLE } from '../../selectors/index.ts';
import { NodeNames } from '../node/node-names.ts';
import { NodeSignals } from '../node/node-signals.ts';
import { PrivateUvLoop, UvNames, UvSignals } from '../uv/index.ts';
import type { Reactor } from './reactor.ts';
import { Watched } from './watched.ts';

/** What the kernel cannot be asked for without waiting. */
export interface Services {
  readonly names: NameOperations;
  readonly signals: SignalOperations & { close(): void };
  close(): void;
}

/**
 * Names and signals by a libuv loop of our own. Where the process has none that we can use they are Node's, which come
 * only while its loop turns: to a guest.
 */
export function openServices(reactor: Reactor): Services {
  const { host } = reactor;
  try {
    let watch: WatchedUvLoop | null = null;
    const loop: PrivateUvLoop = new PrivateUvLoop(host, {
      watch: (descriptor) => {
        watch = new WatchedUvLoop(descriptor, loop);
        reactor.want(watch, READABLE);
      },
      unwatch: () => {
        if (watch !== null) reactor.drop(watch);
      },
      ref: () => reactor.ref(),
      unref: () => reactor.unref(),
    });
    const signals = new UvSignals(loop);
    return {
      names: new UvNames(loop),
      signals,
      close: () => {
        signals.close();
        loop.close();
      },
    };
  } catch (error) {
    if (!(error instanceof NotSupportedError)) throw error;
    const signals = new NodeSignals(host);
    return { names: new NodeNames(host), signals, close: () => signals.close() };
  }
}

/** Readable when a look-up has ended or a signal has come. */
class WatchedUvLoop extends Watched {
  readonly #loop: PrivateUvLoop;

  constructor(descriptor: number, loop: PrivateUvLoop) {
    super(descriptor);
    this.#loop = loop;
  }

  protected readable(): void {
    this.#loop.run();
  }

  protected writable(): void {
    // Never wanted.
  }

  override toString(): string {
    return '<I/O: names and signals>';
  }
}

import type { Driver, DriverHost } from '../../interface/index.ts';
import { NodeDatagrams } from './node-datagrams.ts';
import { NodeNames } from './node-names.ts';
import { NodeSignals } from './node-signals.ts';
import { NodeStreams } from './node-streams.ts';

// Captured when loaded: what shims put in its place later may stand on this loop.
const { performance } = globalThis;

interface Parts {
  readonly streams: NodeStreams;
  readonly datagrams: NodeDatagrams;
  readonly names: NodeNames;
  readonly signals: NodeSignals;
}

/**
 * libuv through Node's public API. Always a guest: Node turns its own loop, calls us back, and cannot be waited in.
 *
 * It works wherever Node works, needs no foreign-function interface, and pays for that with the price of `node:net`.
 */
export class NodeDriver implements Driver {
  readonly name = 'node';
  readonly canBlock = false;
  readonly pollDescriptor = null;
  readonly descriptors = null;
  readonly sockets = null;
  readonly pipes = null;
  readonly processes = null;
  readonly tls = null;
  readonly alarm = null;
  /** Node counts what keeps it alive by itself. */
  readonly refs = 0;
  #parts: Parts | null = null;

  get streams(): NodeStreams {
    return this.#attached().streams;
  }

  get datagrams(): NodeDatagrams {
    return this.#attached().datagrams;
  }

  get names(): NodeNames {
    return this.#attached().names;
  }

  get signals(): NodeSignals {
    return this.#attached().signals;
  }

  attach(host: DriverHost): void {
    this.#parts = {
      streams: new NodeStreams(host),
      datagrams: new NodeDatagrams(host),
      names: new NodeNames(host),
      signals: new NodeSignals(host),
    };
  }

  now(): number {
    return performance.now();
  }

  wait(timeout: number | null): void {
    if (timeout !== 0) throw new Error('a driver that is always a guest was told to wait');
  }

  wake(): void {
    // Nobody waits in this driver: Node waits, and whatever calls us has woken it.
  }

  close(): void {
    this.#parts?.streams.close();
    this.#parts?.datagrams.close();
    this.#parts?.signals.close();
  }

  #attached(): Parts {
    if (this.#parts === null) throw new Error('the driver is not attached to a loop');
    return this.#parts;
  }
}

import type {
  DatagramOperations,
  DescriptorOperations,
  Driver,
  DriverHost,
  NameOperations,
  PipeOperations,
  SignalOperations,
  SocketOperations,
  StreamOperations,
} from '../../interface/index.ts';
import type { Poller } from '../../selectors/index.ts';
import { isDarwin } from '../../syscalls/index.ts';
import { Alarm } from './alarm.ts';
import { WaitLimit } from './host-events.ts';
import { OpenDescriptors } from './open-descriptors.ts';
import { Reactor } from './reactor.ts';
import { ReadSlab } from './read-slab.ts';
import { ReadyDatagrams } from './ready-datagrams.ts';
import { ReadyDescriptors } from './ready-descriptors.ts';
import { ReadyPipes } from './ready-pipes.ts';
import { ReadySockets } from './ready-sockets.ts';
import type { ChannelParts } from './ready-stream-channel.ts';
import { ReadyStreams } from './ready-streams.ts';
import { Waker } from './waker.ts';
import { WatchedDescriptors } from './watched-descriptor.ts';
import { WatchedLoop } from './watched-loop.ts';
import { openServices, type Services } from './watched-uv-loop.ts';
import { WriteStage } from './write-stage.ts';

// Captured when loaded: what shims put in its place later may stand on this loop.
const { performance } = globalThis;

interface Attached {
  readonly reactor: Reactor;
  readonly parts: ChannelParts;
  readonly waker: Waker;
  readonly limit: WaitLimit;
  readonly streams: StreamOperations;
  readonly descriptors: DescriptorOperations;
  readonly sockets: SocketOperations;
  readonly datagrams: DatagramOperations;
  readonly pipes: PipeOperations;
  readonly services: Services;
}

/** The kernel itself, asked what is ready: by epoll, kqueue, poll or select. */
export class ReadinessDriver implements Driver {
  readonly name: string;
  readonly canBlock = true;
  readonly processes = null;
  readonly tls = null;
  readonly alarm: ((when: number | null) => void) | null;
  readonly #makePoller: () => Poller;
  #attached: Attached | null = null;
  #alarm: Alarm | null = null;
  #closed = false;

  constructor(name: string, makePoller: () => Poller) {
    this.name = name;
    this.#makePoller = makePoller;
    this.alarm = isDarwin ? null : (when) => this.#setAlarm(when);
  }

  get pollDescriptor(): number | null {
    const { limit, reactor } = this.#parts();
    limit.lift();
    return reactor.poller.descriptor;
  }

  get wakeups(): Waker {
    return this.#parts().waker;
  }

  get refs(): number {
    return this.#attached?.reactor.refs ?? 0;
  }

  get streams(): StreamOperations {
    return this.#parts().streams;
  }

  get descriptors(): DescriptorOperations {
    return this.#parts().descriptors;
  }

  get sockets(): SocketOperations {
    return this.#parts().sockets;
  }

  get datagrams(): DatagramOperations {
    return this.#parts().datagrams;
  }

  get pipes(): PipeOperations {
    return this.#parts().pipes;
  }

  get names(): NameOperations {
    return this.#parts().services.names;
  }

  get signals(): SignalOperations {
    return this.#parts().services.signals;
  }

  watchLoop(descriptor: number): WatchedLoop {
    return new WatchedLoop(this.#parts().reactor, descriptor);
  }

  attach(host: DriverHost): void {
    const reactor = new Reactor(host, this.#makePoller);
    const open = new OpenDescriptors();
    const descriptors = new WatchedDescriptors(reactor, open);
    const parts = { reactor, slab: new ReadSlab(), stage: new WriteStage(), open, descriptors };
    this.#attached = {
      reactor,
      parts,
      waker: new Waker(reactor),
      limit: new WaitLimit(reactor),
      streams: new ReadyStreams(parts),
      descriptors: new ReadyDescriptors(host, descriptors),
      sockets: new ReadySockets(parts),
      datagrams: new ReadyDatagrams(parts),
      pipes: new ReadyPipes(parts),
      services: openServices(reactor),
    };
  }

  now(): number {
    return performance.now();
  }

  wait(timeout: number | null): void {
    const { limit, reactor } = this.#parts();
    reactor.wait(limit.of(timeout));
  }

  wake(): void {
    this.#attached?.waker.wake();
  }

  close(): void {
    if (this.#closed || this.#attached === null) return;
    this.#closed = true;
    const { parts, waker, limit, services, reactor } = this.#attached;
    for (const open of [...parts.open]) open.abort();
    services.close();
    this.#alarm?.close();
    limit.lift();
    waker.close();
    reactor.poller.close();
  }

  #setAlarm(when: number | null): void {
    if (this.#closed) return;
    this.#alarm ??= new Alarm(this.#parts().reactor);
    this.#alarm.set(when === null ? null : when - this.now());
  }

  #parts(): Attached {
    if (this.#attached === null) throw new Error('the driver is not attached to a loop');
    return this.#attached;
  }
}

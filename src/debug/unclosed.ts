import { observeLoop, type RecordedStack, type StopObserving, warn } from '../loop/index.ts';
import type { EventLoop } from '../runtime/index.ts';
import { DatagramTransport, ReadPipeTransport } from '../transports/index.ts';
import { deepStack } from './deep-stack.ts';
import { formatOrigin } from './stack.ts';

/** Finds what the program has not closed when its run ends. Takes stacks, so this is for debug mode. */
export class UnclosedResources {
  readonly #loop: EventLoop;
  readonly #opened = new WeakMap<object, RecordedStack>();

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  watch(): StopObserving {
    return observeLoop(this.#loop, {
      opened: (resource) => void this.#opened.set(resource, deepStack()),
    });
  }

  /** Warns of all that are open and not closing: the loop is about to close them. */
  warnOfRest(): void {
    const { servers, transports } = this.#loop.inspect();
    for (const resource of [...servers, ...transports.filter((transport) => !transport.isClosing())]) {
      const where = formatOrigin('opened at', this.#opened.get(resource)?.text);
      warn('UnclosedResourceWarning', `The ${describeResource(resource)} was left open${where}`);
    }
  }
}

/** `transport 127.0.0.1:80 → 10.0.0.1:5000`, `server on 127.0.0.1:80`, `read pipe of descriptor 5`. */
export function describeResource(resource: object): string {
  if ('sockets' in resource && Array.isArray(resource.sockets)) {
    return `server on ${resource.sockets.map(formatAddress).join(', ') || 'no address'}`;
  }
  const info = resource as { getExtraInfo?: (name: string) => unknown };
  const extra = (name: string) => info.getExtraInfo?.(name) ?? null;
  if (extra('pipe') !== null) {
    return `${resource instanceof ReadPipeTransport ? 'read' : 'write'} pipe of descriptor ${extra('fd')}`;
  }
  const [own, peer] = [extra('sockname'), extra('peername')];
  if (resource instanceof DatagramTransport && peer === null)
    return `datagram endpoint ${formatAddress(own)}`;
  const what = resource instanceof DatagramTransport ? 'datagram endpoint' : 'transport';
  return `${what} ${formatAddress(own)} → ${formatAddress(peer)}`;
}

function formatAddress(address: unknown): string {
  if (typeof address !== 'object' || address === null) return '?';
  const { host, port, path } = address as { host?: unknown; port?: unknown; path?: unknown };
  if (path !== undefined) return path === '' ? 'unnamed' : String(path);
  return `${String(host).includes(':') ? `[${host}]` : host}:${port}`;
}

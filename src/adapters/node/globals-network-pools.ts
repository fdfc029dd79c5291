import http from 'node:http';
import net from 'node:net';
import type { EventLoop } from '../../interface/index.ts';
import { loopHere } from './globals-network-loop.ts';
import type { Replacements } from './replacements.ts';

// What keeps connections for the whole process, by where they go to: here also by the loop that they are on.

type Method = (this: unknown, ...args: unknown[]) => unknown;

const numbers = new WeakMap<EventLoop, number>();
let lastNumber = 0;

/** The same for the same loop; of others, another one. */
function numberOf(loop: EventLoop): number {
  let number = numbers.get(loop);
  if (number === undefined) {
    number = ++lastNumber;
    numbers.set(loop, number);
  }
  return number;
}

/** Agents are shared, above all the global ones; their connections are not. */
export function replaceAgents(replacements: Replacements): void {
  const { prototype } = http.Agent as unknown as { prototype: Record<string, Method> };
  const { addRequest, createConnection } = prototype as Record<'addRequest' | 'createConnection', Method>;
  replacements.replace(prototype, 'addRequest', function (this: http.Agent, ...args: unknown[]): unknown {
    if (loopHere() !== null) tellApart(this);
    return Reflect.apply(addRequest, this, args);
  });
  // Node 20 has `net.createConnection` itself there.
  replacements.replace(prototype, 'createConnection', function (this: unknown, ...args: unknown[]): unknown {
    if (createConnection === realConnect && loopHere() !== null) {
      return Reflect.apply(net.createConnection as Method, net, args);
    }
    return Reflect.apply(createConnection, this, args);
  });
}

/** Captured when loaded. */
const realConnect: unknown = net.createConnection;
const toldApart = new WeakSet<http.Agent>();

/** Has an agent name connections with their loop in it, and by the same name as long as they live. */
function tellApart(agent: http.Agent): void {
  if (toldApart.has(agent)) return;
  toldApart.add(agent);
  const { getName } = agent as unknown as Record<'getName', Method>;
  /** by the options of a connection, which the agent keeps with it */
  const endings = new WeakMap<object, string>();
  Object.defineProperty(agent, 'getName', {
    value: (...args: unknown[]): string => {
      const name = Reflect.apply(getName, agent, args) as string;
      const [options] = args;
      const key = typeof options === 'object' && options !== null ? options : null;
      let ending = key === null ? undefined : endings.get(key);
      if (ending === undefined) {
        const loop = loopHere();
        if (loop === null) return name;
        ending = `#${numberOf(loop)}`;
        if (key !== null) endings.set(key, ending);
      }
      return name + ending;
    },
    writable: true,
    configurable: true,
  });
}

interface Dispatcher {
  dispatch(options: unknown, handler: unknown): boolean;
}

/** What `fetch` dispatches by, in newer versions of Node and in older ones. */
const dispatcherKeys = [2, 1].map((version) => Symbol.for(`undici.globalDispatcher.${version}`));

/** Of Node's, or of undici's where that was loaded. */
function dispatcherOfFetch(): { key: symbol; dispatcher: Dispatcher } | null {
  for (const key of dispatcherKeys) {
    const dispatcher = Reflect.get(globalThis, key) as Dispatcher | undefined;
    if (dispatcher !== undefined) return { key, dispatcher };
  }
  return null;
}

/** What was put into the place of dispatchers. */
const forwarding = new WeakSet<object>();

/** `fetch` keeps connections by where they go to, for the whole process: here each loop has its own. */
export function replaceFetch(replacements: Replacements): void {
  const { fetch: real } = globalThis;
  replacements.replace(globalThis, 'fetch', (...args: Parameters<typeof fetch>) => {
    if (loopHere() !== null) prepareFetch(real);
    return real(...args);
  });
}

function prepareFetch(real: typeof fetch): void {
  // Has Node load what it is, and make its dispatcher.
  if (dispatcherOfFetch() === null) real('data:,').catch(() => {});
  const found = dispatcherOfFetch();
  // Somebody's own one, which goes through a proxy or mocks answers, is left alone: it knows what it does.
  if (found === null || forwarding.has(found.dispatcher) || found.dispatcher.constructor.name !== 'Agent') {
    return;
  }
  const { key, dispatcher: first } = found;
  const Agent = first.constructor as new (options: object) => Dispatcher;
  const options = optionsOf(first);
  const dispatchers = new WeakMap<EventLoop, Dispatcher>();
  const dispatcherHere = () => {
    const loop = loopHere();
    if (loop === null) return first;
    const dispatcher = dispatchers.get(loop) ?? new Agent(options);
    dispatchers.set(loop, dispatcher);
    return dispatcher;
  };
  const proxy = new Proxy(first, {
    get: (_target, name) => {
      const dispatcher = dispatcherHere();
      const value = Reflect.get(dispatcher, name) as unknown;
      return typeof value === 'function' ? value.bind(dispatcher) : value;
    },
  });
  forwarding.add(proxy);
  Reflect.set(globalThis, key, proxy);
}

/** With which an agent of undici's was made. */
function optionsOf(agent: object): object {
  const key = Object.getOwnPropertySymbols(agent).find(({ description }) => description === 'options');
  const options: unknown = key === undefined ? null : Reflect.get(agent, key);
  return typeof options === 'object' && options !== null ? options : {};
}

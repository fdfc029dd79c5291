import { AsyncResource, createHook } from 'node:async_hooks';
import { ChildProcess } from 'node:child_process';
import dgram from 'node:dgram';
import net from 'node:net';
import process from 'node:process';
import { networkIsReplaced } from '../adapters/node/globals-network-loop.ts';
import { Replacements } from '../adapters/node/replacements.ts';
import { StateError } from '../interface/index.ts';
import { RealIoError } from './real-io-error.ts';

// Inside of a simulation no turn of Node's own loop is made, so whatever needs one would simply never come. It is found out
// in two ways. A few functions by which programs get at the world are replaced: these throw, or reject, before anything has
// happened. And Node itself tells, by its async hooks, of every resource that it makes for something to come: timers,
// requests to the thread pool, handles of the kernel. There it cannot be refused any more, with a few exceptions, since an
// error in a hook ends the process; but it is reported, with the place.

let report: ((attempt: RealIoError) => void) | null = null;
/** Time stands still until what threads do is done. */
let awaitsThreads = false;

/**
 * Has every attempt to reach the real world reported until the function it returns is called. To be called, and undone, in
 * one macrotask, in which nothing but the simulation runs.
 *
 * @param onAttempt called where the attempt is made, and must not throw
 * @param options `awaitsThreads`: turns of Node's own loop are made, and time stands still until it has nothing to do; so only
 *   what would wait for the real world, or for real time, is refused
 * @throws {StateError} it is on already
 */
export function guardRealIo(
  onAttempt: (attempt: RealIoError) => void,
  options: { awaitsThreads?: boolean } = {},
): () => void {
  if (report !== null) {
    throw new StateError(
      'ERR_SIMULATION_RUNNING',
      'Cannot guard against real I/O: a simulation does so already',
    );
  }
  // What is printed may be: but the streams for it are made at their first use.
  void process.stdout;
  void process.stderr;
  report = onAttempt;
  awaitsThreads = options.awaitsThreads === true;
  const replacements = new Replacements();
  replaceEntrances(replacements);
  hook.enable();
  return () => {
    hook.disable();
    replacements.restore();
    report = null;
  };
}

const useLoop = "use the loop's own, or those of tulipa/streams";
const useHost = 'start it as a host of the simulation';
const useEnd = "have main return, or use a host's kill";
const useSignal = "use a host's signal";
const useSync = 'what blocks, like readFileSync, may be used';
const forPrograms = 'programs have connections, servers, names and timers here, and files';
const useGlobals =
  "wait by the loop (sleep, callLater), or simulate with globals: true, which makes setTimeout and its like the simulation's, " +
  'unless they were taken from globalThis before';

/** What lets a program out, where that can be said better than by what Node makes for it, or earlier. */
function replaceEntrances(replacements: Replacements): void {
  replacements.replace(net.Socket.prototype, 'connect', refusing('a connection', useLoop));
  // What `listen` calls, unless the server was made to listen on a loop.
  replacements.replace(net.Server.prototype, '_listen2', refusing('a server', useLoop));
  for (const method of ['bind', 'connect', 'send']) {
    replacements.replace(dgram.Socket.prototype, method, refusing('a datagram socket', useLoop));
  }
  replacements.replace(ChildProcess.prototype, 'spawn', refusing('a child process', useHost));
  // They go through `net`, which is replaced where they work at all.
  if (awaitsThreads) return;
  // It would end all tests, and say that all is well.
  replacements.replace(process, 'exit', refusing('the end of the process', useEnd));
  replacements.replace(process, 'kill', refusing('a signal to a process', useSignal));
  const { fetch } = globalThis;
  replacements.replace(globalThis, 'fetch', (...args: Parameters<typeof fetch>) => {
    const [input] = args;
    const url = typeof input === 'object' && 'url' in input ? input.url : input;
    // No more than a way to decode them; or its connections are a loop's.
    if (String(url).startsWith('data:') || networkIsReplaced()) return fetch(...args);
    return Promise.reject(refuse('fetch', useLoop));
  });
  for (const name of ['WebSocket', 'EventSource']) {
    // Not looked at: Node loads them when somebody does.
    if (Object.hasOwn(globalThis, name)) {
      replacements.replace(globalThis, name, refusing(`a ${name}`, useLoop));
    }
  }
}

function refusing(what: string, instead: string): () => never {
  return function refused(): never {
    throw refuse(what, instead);
  };
}

function refuse(what: string, instead: string): RealIoError {
  const error = attempt(what, instead);
  report?.(error);
  return error;
}

/** Frames that are kept: between a program and what Node makes for it there may be many of Node's own. */
const framesMax = 50;

function attempt(what: string, otherwise: string): RealIoError {
  const instead = awaitsThreads ? forPrograms : otherwise;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = framesMax;
  try {
    return new RealIoError(what, instead);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What Node makes for something to come, by its name for that; what is missing here is called by that name. */
const resources: Readonly<Record<string, readonly [what: string, instead: string]>> = {
  Timeout: ['a real timer', useGlobals],
  Immediate: ['a real immediate', useGlobals],
  FSREQCALLBACK: ['what a thread does with files', useSync],
  FSREQPROMISE: ['what a thread does with files', useSync],
  FSEVENTWRAP: ['news of files', useSync],
  STATWATCHER: ['news of files', useSync],
  TCPWRAP: ['a socket', useLoop],
  TCPSERVERWRAP: ['a server', useLoop],
  PIPEWRAP: ['a socket or pipe', useLoop],
  PIPESERVERWRAP: ['a server', useLoop],
  UDPWRAP: ['a datagram socket', useLoop],
  TTYWRAP: ['a terminal', useLoop],
  GETADDRINFOREQWRAP: ['a look-up of names', "use the loop's getaddrinfo"],
  GETNAMEINFOREQWRAP: ['a look-up of names', "use the loop's getnameinfo"],
  QUERYWRAP: ['a look-up of names', "use the loop's getaddrinfo"],
  PROCESSWRAP: ['a child process', useHost],
  SIGNALWRAP: ['a signal', "use the loop's addSignalHandler"],
  WORKER: ['a thread', useHost],
  MESSAGEPORT: ['a message port', 'use a queue'],
  ZLIB: ['compression by a thread', 'what blocks, like gzipSync, may be used'],
};
const module = ['a module that is not loaded yet', 'import it before the simulation begins'] as const;
const cryptography = ['cryptography by a thread', 'what blocks, like pbkdf2Sync, may be used'] as const;

/**
 * Nothing ever comes of these but by microtasks, or in the same call: promises, ticks; parsers of HTTP, memory to read from,
 * directories that are read by what blocks, settings for look-ups.
 */
const harmless = new Set([
  'PROMISE',
  'TickObject',
  'Microtask',
  'HTTPINCOMINGMESSAGE',
  'HTTPCLIENTREQUEST',
  'BLOBREADER',
  'DIRHANDLE',
  'DNSCHANNEL',
]);

/** What is from outside, or takes real time, and so cannot be waited for while time stands still. */
const fromOutside = new Set([
  'Timeout',
  'FSEVENTWRAP',
  'STATWATCHER',
  'TCPWRAP',
  'TCPSERVERWRAP',
  'PIPEWRAP',
  'PIPESERVERWRAP',
  'UDPWRAP',
  'GETADDRINFOREQWRAP',
  'GETNAMEINFOREQWRAP',
  'QUERYWRAP',
  'PROCESSWRAP',
  'SIGNALWRAP',
  'WORKER',
]);

/**
 * Whom nothing need come for: printing, by whatever way a test framework makes of it; timers of Node's own that keep no program
 * alive, and those by which its HTTP server looks for connections that are too slow.
 */
const passing = [
  '(node:internal/console/',
  'UnrefTimeout (node:internal/timers',
  // By which debug mode makes the text of stacks, whatever happens meanwhile.
  '/loop/recorded-stack.',
  // It looks after ticks again when an error that nobody caught has been told of.
  '_fatalException (node:internal/process/',
  'setupConnectionsTracking (node:_http_server',
];

const hook = createHook({ init: resourceMade, trackPromises: false });

function resourceMade(_id: number, type: string, _trigger: number, resource: object): void {
  // Where promises are told of in spite of the option (Node 20), nearly all are promises.
  if (type === 'PROMISE' || harmless.has(type) || resource instanceof AsyncResource || report === null)
    return;
  if (awaitsThreads && !fromOutside.has(type)) return;
  if (type === 'ZLIB') refuseCall(resource, 'write', () => true, known('ZLIB'));
  else if (type.endsWith('REQUEST')) {
    const web = type !== 'RANDOMBYTESREQUEST' && stackOf(attempt(...cryptography)).includes('at jobPromise ');
    // Jobs with somebody to tell are done by a thread, others when `run` returns; but with those of crypto.subtle Node 26 has
    // the promise itself told. Random bytes are not asked for in that way.
    refuseCall(
      resource,
      'run',
      (job) => web || (job as { ondone?: unknown }).ondone !== undefined,
      cryptography,
    );
  } else {
    const error = attempt(...known(type));
    const stack = stackOf(error);
    if (passing.some((place) => stack.includes(place))) return;
    const isModule = !awaitsThreads && stack.includes('node:internal/modules/');
    report(isModule ? attempt(...module) : error);
    if (type === 'WORKER') refuseCall(resource, 'startThread', () => true, known(type));
  }
}

function known(type: string): readonly [what: string, instead: string] {
  return resources[type] ?? [`Node's ${type}`, 'do without'];
}

function stackOf(error: Error): string {
  return String(error.stack);
}

/** Only a method of it goes out to the world, and is made to throw if it is called in a way that does. */
function refuseCall(
  resource: object,
  method: string,
  goesOut: (resource: object) => boolean,
  [what, instead]: readonly [what: string, instead: string],
): void {
  const original = Reflect.get(resource, method) as (...args: unknown[]) => unknown;
  Object.defineProperty(resource, method, {
    value: (...args: unknown[]) => {
      if (report !== null && goesOut(resource)) throw refuse(what, instead);
      return Reflect.apply(original, resource, args);
    },
    configurable: true,
  });
}

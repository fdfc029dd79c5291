import { EventEmitter } from 'node:events';
import os from 'node:os';
import process from 'node:process';
import type { Replacements } from '../../adapters/node/replacements.ts';
import type { Signal } from '../../interface/index.ts';
import { liveProgramHere, type NodeProgram, programHere } from './node-program.ts';

// What is each program's own of `process` and `node:os`: how it was called, how it ends, who listens, what it prints. Where no
// program's code asks, it is the real process's.

const listenerMethods = [
  'addListener',
  'emit',
  'eventNames',
  'getMaxListeners',
  'listenerCount',
  'listeners',
  'off',
  'on',
  'once',
  'prependListener',
  'prependOnceListener',
  'rawListeners',
  'removeAllListeners',
  'removeListener',
  'setMaxListeners',
] as const;

/** Node tells the process of these, and we tell the program. */
const nodesOwn = new Set<unknown>([
  'uncaughtException',
  'uncaughtExceptionMonitor',
  'unhandledRejection',
  'warning',
]);

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The first of the numbers by which programs know themselves: as good as any, and the same in every run. */
const processIdBase = 1000;

export function replaceProcess(replacements: Replacements): void {
  const own = <T>(key: keyof NodeJS.Process, get: (program: NodeProgram) => T) => {
    const real = Reflect.get(process, key);
    replacements.replaceGetter(process, key, () => {
      const program = programHere();
      return program === null ? real : get(program);
    });
  };
  own('argv', (program) => program.argv);
  own('pid', processIdOf);
  const { exit, kill } = process;
  replacements.replace(process, 'exit', (code?: number | string | null) => {
    const program = liveProgramHere();
    if (program === null) return exit(code);
    return program.exit(code);
  });
  replacements.replace(process, 'kill', (pid: number, signal: string | number = 'SIGTERM') => {
    const program = liveProgramHere();
    if (program === null) return kill(pid, signal);
    if (pid !== processIdOf(program)) {
      const error = new Error(`kill ESRCH: of a simulated program, there is no process ${pid}`);
      throw Object.assign(error, { code: 'ESRCH', syscall: 'kill', errno: -os.constants.errno.ESRCH });
    }
    if (signal !== 0) program.host.signal(nameOfSignal(signal));
    return true;
  });
  replaceListeners();
  replaceOutput();
  const { hostname, networkInterfaces } = os;
  replacements.replace(os, 'hostname', () => programHere()?.host.name ?? hostname());
  replacements.replace(os, 'networkInterfaces', () => {
    const program = programHere();
    return program === null ? networkInterfaces() : interfacesOf(program);
  });
}

function processIdOf({ number }: NodeProgram): number {
  return processIdBase + number;
}

function nameOfSignal(signal: string | number): Signal {
  if (typeof signal === 'string') return signal as Signal;
  const found = Object.entries(os.constants.signals).find(([, number]) => number === signal);
  return (found?.[0] ?? String(signal)) as Signal;
}

/** Its own, while all others keep what they have from the same prototype. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: false });
}

function replaceListeners(): void {
  for (const name of listenerMethods) {
    const real = Reflect.get(process, name) as Method;
    define(process, name, function replaced(this: unknown, ...args: unknown[]): unknown {
      const program = programHere();
      if (program === null || (name === 'emit' && nodesOwn.has(args[0]))) {
        // It is printed by a listener of Node's own.
        if (args[0] === 'warning') program?.events.emit('warning', ...args.slice(1));
        return Reflect.apply(real, process, args);
      }
      const method = EventEmitter.prototype[name] as Method;
      const result = Reflect.apply(method, program.events, args);
      attendSignals(program);
      return result === program.events ? process : result;
    });
  }
}

/** Signals that are handled by the loop, by program. */
const attended = new WeakMap<NodeProgram, Set<string>>();

/** Has the loop handle those signals for which there are listeners, and no others. */
function attendSignals(program: NodeProgram): void {
  if (!program.alive) return;
  const handled = attended.get(program) ?? new Set();
  attended.set(program, handled);
  const wanted = program.events
    .eventNames()
    .filter((name): name is string => typeof name === 'string' && /^SIG[A-Z0-9]+$/.test(name));
  for (const signal of wanted) {
    if (handled.has(signal)) continue;
    const number = os.constants.signals[signal as NodeJS.Signals];
    program.loop.addSignalHandler(signal as Signal, () => void program.events.emit(signal, signal, number));
    handled.add(signal);
  }
  for (const signal of handled) {
    if (wanted.includes(signal)) continue;
    program.loop.removeSignalHandler(signal as Signal);
    handled.delete(signal);
  }
}

/** What it prints goes into lines with the name of its host. */
function replaceOutput(): void {
  for (const [stream, descriptor] of [
    [process.stdout, 1],
    [process.stderr, 2],
  ] as const) {
    const write = stream.write as unknown as Method;
    define(stream, 'write', (chunk: string | Uint8Array, ...rest: unknown[]): unknown => {
      const program = programHere();
      if (program === null) return Reflect.apply(write, stream, [chunk, ...rest]);
      const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
      const text = typeof chunk === 'string' ? decoded(chunk, encoding) : Buffer.from(chunk).toString('utf8');
      if (program.alive) program.write(text, descriptor);
      const callback = rest.at(-1);
      if (typeof callback === 'function') process.nextTick(callback as () => void);
      return true;
    });
  }
}

function decoded(chunk: string, encoding: BufferEncoding): string {
  return encoding === 'utf8' || encoding === 'utf-8' ? chunk : Buffer.from(chunk, encoding).toString('utf8');
}

function interfacesOf({ host }: NodeProgram): NodeJS.Dict<os.NetworkInterfaceInfo[]> {
  const [ipv4, ipv6] = host.addresses;
  const mac = '00:00:00:00:00:00';
  return {
    lo: [
      {
        address: '127.0.0.1',
        netmask: '255.0.0.0',
        family: 'IPv4',
        mac,
        internal: true,
        cidr: '127.0.0.1/8',
      },
    ],
    eth0: [
      { address: ipv4, netmask: '255.0.0.0', family: 'IPv4', mac, internal: false, cidr: `${ipv4}/8` },
      {
        address: ipv6,
        netmask: 'ffff::',
        family: 'IPv6',
        mac,
        internal: false,
        cidr: `${ipv6}/16`,
        scopeid: 0,
      },
    ],
  };
}

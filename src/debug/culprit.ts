import { isBuiltin } from 'node:module';
import { isLibraryFile, pathOf } from './stack.ts';

// Who made a resource of Node's is read off the stack: the innermost frame that is neither Node's nor this library's. Below a
// frame of this library nobody else is to blame, as that is how the library does its own work, with two exceptions. What its
// adapters call does in Node what somebody asked of Node; and its foreign-function interface is a package, which others may use.

/** Who made something, as far as a stack can tell. */
export interface Culprit {
  /** `undici`, also for what Node has built in of it; `node:http`, or `node`: nobody but Node is on the stack; `program` */
  readonly package: string;
  /** the same for the same line of code */
  readonly key: string;
  /** index of the frame; null: only Node's are there */
  readonly frame: number | null;
}

/** This library, for its own work. */
export const ourselves = Symbol('this library');

type Owner = 'node' | 'library' | 'transparent' | { readonly package: string };

const owners = new Map<string, Owner>();
/** Code that is made at run time may have a name of its own each time. */
const ownersMax = 10_000;

function ownerOf(file: string): Owner {
  let owner = owners.get(file);
  if (owner === undefined) {
    owner = findOwner(file);
    if (owners.size >= ownersMax) owners.clear();
    owners.set(file, owner);
  }
  return owner;
}

const adapters = pathOf(new URL('../adapters/', import.meta.url).href);
/** At the top of every stack that is taken in a hook. */
const meter = /\/debug\/past-loop\.[jt]s$/;
const bundled = /^node:internal\/deps\/([^/]+)/;
const installed = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//s;

function findOwner(file: string): Owner {
  if (file.startsWith('node:')) {
    const name = bundled.exec(file)?.[1];
    return name === undefined ? 'node' : { package: name };
  }
  const path = pathOf(file).replaceAll('\\', '/');
  if (isLibraryFile(path)) {
    return path.startsWith(adapters) ? 'transparent' : 'library';
  }
  const name = installed.exec(path)?.[1] ?? 'program';
  return name === 'koffi' ? 'transparent' : { package: name };
}

/** @param stack innermost first */
export function findCulprit(stack: readonly NodeJS.CallSite[]): Culprit | typeof ourselves {
  let byAdapter = false;
  for (const [frame, site] of stack.entries()) {
    const file = fileOf(site);
    if (file === null) continue;
    const owner = ownerOf(file);
    if (owner === 'node') continue;
    if (owner === 'transparent') {
      byAdapter ||= pathOf(file).startsWith(adapters);
    } else if (owner === 'library') {
      if (!byAdapter) return ourselves;
      break;
    } else {
      return {
        package: owner.package,
        key: `${file}:${site.getLineNumber()}:${site.getColumnNumber()}`,
        frame,
      };
    }
  }
  const name = modulesOfNode(stack);
  return { package: name, key: name, frame: null };
}

/** Names of Node's modules by which all the others do what they do. */
const means =
  /^node:(?:internal\/)?(?:timers|net|dgram|events|event_target|async_hooks|process|streams|_stream)/;

/** `node:http`: of the frames before any other's, that of the innermost module that is no mere means; else of any. */
function modulesOfNode(stack: readonly NodeJS.CallSite[]): string {
  let fallback: string | null = null;
  for (const site of stack) {
    const file = fileOf(site);
    if (file === null) continue;
    const owner = ownerOf(file);
    if (owner !== 'node') break;
    if (!means.test(file)) return publicName(file);
    if (!file.startsWith('node:internal/')) fallback ??= publicName(file);
  }
  return fallback ?? 'node';
}

/** `node:http` of `node:_http_agent`, `node:fs` of `node:internal/fs/promises`. */
function publicName(file: string): string {
  const [, name = ''] = /^node:(?:internal\/)?_?([a-z0-9]+(?:_[a-z]+)*)/.exec(file) ?? [];
  const candidates = [name, name.split('_')[0] ?? ''];
  const known = candidates.find((candidate) => isBuiltin(`node:${candidate}`));
  return known === undefined ? 'node' : `node:${known}`;
}

/** True if this function of Node's is on the stack: of a file whose name begins so, and, if given, of this name. */
export function isBelow(stack: readonly NodeJS.CallSite[], file: string, name?: string): boolean {
  return stack.some(
    (site) =>
      fileOf(site)?.startsWith(file) === true && (name === undefined || site.getFunctionName() === name),
  );
}

function fileOf(site: NodeJS.CallSite): string | null {
  return site.getFileName() || null;
}

/** A stack nobody has asked for the frames of yet. */
export interface StackHolder {
  stack?: unknown;
}

/** V8's own limit of ten does not reach through Node to who called it. */
const framesMax = 50;

/** @param from what is left out of it, with all that it has called */
export function holdStack(from: (...args: never[]) => unknown): StackHolder {
  const holder: StackHolder = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = framesMax;
  Error.captureStackTrace(holder, from);
  Error.stackTraceLimit = stackTraceLimit;
  return holder;
}

/**
 * Its frames, innermost first, without those of the hook; empty the second time. Of what happens in a tick or a microtask they
 * end where these are run, whoever did that, and go on with who awaits it.
 */
export function framesOf(holder: StackHolder): readonly NodeJS.CallSite[] {
  const { prepareStackTrace } = Error;
  // The text costs twice as much.
  Error.prepareStackTrace = (_error, sites) => sites;
  let stack: readonly NodeJS.CallSite[];
  try {
    stack = Array.isArray(holder.stack) ? holder.stack : [];
    holder.stack = undefined;
  } finally {
    if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Error.prepareStackTrace = prepareStackTrace;
  }
  let begin = 0;
  for (const site of stack) {
    if (!isHook(site)) break;
    begin++;
  }
  const end = stack.findIndex((site) => runsTicks.test(site.getFunctionName() ?? ''));
  if (end === -1) return stack.slice(begin);
  return [...stack.slice(begin, end), ...stack.slice(end).filter((site) => site.isAsync())];
}

/** Of Node: the loop calls it too. */
const runsTicks = /^(?:processTicksAndRejections|runNextTicks)$/;

/** By which Node tells, and who is told. */
function isHook(site: NodeJS.CallSite): boolean {
  const file = fileOf(site);
  return (
    /^emitInit(?:Native|Script)$|^AsyncHook\.init$/.test(site.getFunctionName() ?? '') ||
    (file !== null && meter.test(pathOf(file)))
  );
}

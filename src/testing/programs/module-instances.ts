import { existsSync, readFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type NodeProgram, programHere } from './node-program.ts';

// Each program has module instances of its own, also of what several of them load: CommonJS modules by a cache of its own, ES
// modules by a query behind their addresses, which they pass on to what they import. Programs do not see it, as long as they
// do not look at `import.meta.url` of other modules than their first one's.

const queryKey = 'tulipa-host';

interface Insides {
  _cache: Record<string, unknown>;
  _load(file: string, parent: { path: string } | null, isMain: boolean, ...rest: unknown[]): unknown;
}

interface Resolved {
  url: string;
  format?: string | null;
}

interface Loaded {
  format?: string | null;
  source?: string | ArrayBuffer | Uint8Array | null;
  shortCircuit?: boolean;
}

interface Hooks {
  resolve(
    specifier: string,
    context: { parentURL?: string | undefined },
    next: (specifier: string, context: object) => Resolved,
  ): Resolved;
  load(url: string, context: object, next: (url: string, context: object) => Loaded): Loaded;
}

const insides = nodeModule as unknown as Insides;
/** Node 22.15 and 23.5 on. */
const registerHooks = Reflect.get(nodeModule, 'registerHooks') as ((hooks: Hooks) => unknown) | undefined;

/** First modules of programs, by the address under which they are loaded: the one that they are to see. */
const firstModules = new Map<string, string>();

/** Gives programs module instances of their own, for the rest of this process. */
export function separateModules(): void {
  const real = insides._cache;
  const cache = () => programHere()?.modules ?? real;
  insides._cache = new Proxy(real, {
    get: (_target, key) => Reflect.get(cache(), key),
    set: (_target, key, value) => Reflect.set(cache(), key, value),
    has: (_target, key) => Reflect.has(cache(), key),
    deleteProperty: (_target, key) => Reflect.deleteProperty(cache(), key),
    defineProperty: (_target, key, property) => Reflect.defineProperty(cache(), key, property),
    ownKeys: () => Reflect.ownKeys(cache()),
    getOwnPropertyDescriptor: (_target, key) => Reflect.getOwnPropertyDescriptor(cache(), key),
  });
  keepPlacesApart();
  registerHooks?.({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const query = queryOf(context.parentURL);
      if (query === null || !resolved.url.startsWith('file:') || queryOf(resolved.url) !== null)
        return resolved;
      return { ...resolved, url: withQuery(resolved.url, query) };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const seen = firstModules.get(url);
      if (seen === undefined || !/^module/.test(loaded.format ?? '') || loaded.source == null) return loaded;
      const source =
        typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      // On its first line, so that all places in it stay what they are.
      const prefix = `import.meta.main = true; import.meta.url = ${JSON.stringify(seen)}; `;
      return { ...loaded, source: source.startsWith('#!') ? source : prefix + source };
    },
  });
}

/**
 * Node remembers what a module in some folder has required by some name, and believes that this, if it is in the cache, is
 * being loaded. Of a second program it may be there because it was looked at for the names that it exports.
 */
function keepPlacesApart(): void {
  const { _load: load } = insides;
  insides._load = function (this: unknown, file, parent, ...rest) {
    const program = programHere();
    if (program === null || parent == null) return Reflect.apply(load, this, [file, parent, ...rest]);
    const { path } = parent;
    parent.path = `${path}\0${program.number}`;
    try {
      return Reflect.apply(load, this, [file, parent, ...rest]);
    } finally {
      parent.path = path;
    }
  };
}

/** Loads a program as Node does its first module. */
export async function loadProgram({ file, host, number }: NodeProgram, isFirst: boolean): Promise<void> {
  const url = pathToFileURL(file).href;
  if (isCommonJs(file)) {
    try {
      insides._load(file, null, true);
      return;
    } catch (error) {
      // It is an ES module after all, which only its text says.
      if ((error as { code?: unknown } | null)?.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    }
  }
  // Where what it imports is shared anyway, its own address is worth more.
  const isPlain = registerHooks === undefined ? !firstModules.has(url) : isFirst;
  const address = isPlain ? url : withQuery(url, `${host.name}-${number}`);
  firstModules.set(address, url);
  await import(address);
}

function isCommonJs(file: string): boolean {
  const ending = extname(file);
  if (ending === '.cjs' || ending === '.cts') return true;
  if (ending === '.mjs' || ending === '.mts') return false;
  return packageType(dirname(file)) !== 'module';
}

/** Of the package in which a folder is. */
function packageType(folder: string): string | null {
  const manifest = join(folder, 'package.json');
  if (existsSync(manifest)) {
    const { type } = JSON.parse(readFileSync(manifest, 'utf8')) as { type?: string };
    return type ?? null;
  }
  const above = dirname(folder);
  return above === folder ? null : packageType(above);
}

function queryOf(url: string | undefined): string | null {
  if (url === undefined || !url.includes(queryKey)) return null;
  return new URL(url).searchParams.get(queryKey);
}

function withQuery(address: string, query: string): string {
  const url = new URL(address);
  url.searchParams.set(queryKey, query);
  return url.href;
}

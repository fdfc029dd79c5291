import { NotSupportedError } from '../../interface/index.ts';
import type { Ffi } from './ffi.ts';
import { koffiBackend } from './koffi.ts';
import { nodeFfiBackend } from './node-ffi.ts';

export type { Address, Ffi, Functions, NativeCallback } from './ffi.ts';
export { type NodeUvLoop, nodeUvLoop } from './node-uv-loop.ts';

/** In the order in which they are tried. */
const backends: readonly { name: string; load: () => Ffi }[] = [
  { name: 'koffi', load: koffiBackend },
  { name: 'node', load: nodeFfiBackend },
];

let loaded: Ffi | null = null;

/**
 * The foreign-function interface of this process: the first that loads, or the one that TULIPA_FFI names.
 *
 * @throws {NotSupportedError} none loads
 */
export function ffi(): Ffi {
  loaded ??= load();
  return loaded;
}

function load(): Ffi {
  const wanted = globalThis.process?.env?.['TULIPA_FFI'] || undefined;
  const failures: unknown[] = [];
  for (const { name, load } of backends) {
    if (wanted !== undefined && wanted !== name) continue;
    try {
      return load();
    } catch (error) {
      failures.push(error);
    }
  }
  throw new NotSupportedError(
    'ffi',
    'ffi',
    failures.length === 0
      ? `Cannot call the kernel: there is no foreign-function interface '${wanted}'; there are ${backends.map(({ name }) => name).join(', ')}`
      : `Cannot call the kernel: no foreign-function interface loads (${failures.map(firstLine).join('; ')})`,
    { cause: failures.length > 1 ? new AggregateError(failures, 'no backend loads') : failures[0] },
  );
}

function firstLine(error: unknown): string {
  return String((error as Error).message ?? error).split('\n', 1)[0] as string;
}

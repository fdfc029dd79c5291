import { ffi, libc } from '../../src/syscalls/index.ts';

type Libc = ReturnType<typeof libc>;

/** What each call is replaced by, given the real one. */
export type Faults = { readonly [Name in keyof Libc]?: (real: Libc[Name]) => Libc[Name] };

let errnoOfThread: Int32Array | null = null;

/** What a call returns that has failed, with its error number set as the C library sets it. */
export function failure(number: number): -1 {
  if (errnoOfThread === null) {
    const place = ffi()
      .open({ __errno_location: ['address'] })
      .__errno_location?.();
    if (place === undefined) throw new Error('the C library does not say where errno is');
    errnoOfThread = new Int32Array(ffi().viewAt(place, 4));
  }
  errnoOfThread[0] = number;
  return -1;
}

/**
 * Replaces calls of the C library in this thread, for every loop, until the result is called: what only a kernel in
 * trouble does, and when it is wanted.
 */
export function inject(faults: Faults): () => void {
  const table = libc() as Record<string, unknown>;
  const before = { ...table };
  for (const [name, replace] of Object.entries(faults)) {
    table[name] = (replace as (real: unknown) => unknown)(table[name]);
  }
  return () => {
    Object.assign(table, before);
  };
}

import { fileURLToPath } from 'node:url';

/** Whether the tests run as they are written; otherwise they are compiled, beside an installed library. */
const unbuilt = import.meta.url.endsWith('.ts');

const hooks = new URL('resolve.ts', import.meta.url).href;

/** By which another process finds what the tests find. */
export const childFlags: readonly string[] = unbuilt ? ['--conditions=source', `--import=${hooks}`] : [];

/** By which a thread does: with this, its program begins. */
export const threadBeginning = unbuilt ? `await import(${JSON.stringify(hooks)});` : '';

/** A program, by its place in `interop/`, as it can be run here. */
export function programFile(source: string): string {
  const file = fileURLToPath(new URL(source, import.meta.url));
  return unbuilt ? file : file.replace(/\.ts$/, '.js');
}

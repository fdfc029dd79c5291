import { readdirSync, readFileSync } from 'node:fs';
import type { Pyodide } from './pyodide.ts';

/** The same seen from src/ and from dist/: the published package has both, and this folder's Python in the former only. */
const folder = new URL('../../../src/adapters/pyodide/', import.meta.url);

const written = new WeakSet<Pyodide>();

/** Makes the Python package `tulipa` importable. */
export function writePackage(pyodide: Pyodide): void {
  if (written.has(pyodide)) return;
  const place = `${pyodide.runPython("__import__('sysconfig').get_path('purelib')")}/tulipa`;
  pyodide.FS.mkdirTree(place);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.py'))) {
    pyodide.FS.writeFile(`${place}/${file}`, readFileSync(new URL(file, folder), 'utf8'));
  }
  pyodide.runPython("__import__('importlib').invalidate_caches()");
  written.add(pyodide);
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadPyodide, type PyodideInterface } from 'pyodide';
import type { PyDict } from 'pyodide/ffi';
import { type DriverName, drivers } from './cell-names.ts';
import { pythonPackages } from './python-packages.ts';

/** Where packages of Python may be, the first first. What is compiled in them is for another machine, and they do without. */
const packages = [pythonPackages, '/usr/lib/python3/dist-packages'].filter((folder) => existsSync(folder));

/** Python, with the packages of this machine: one for all tests of a file, since it takes a second or two. */
export async function python(): Promise<{ pyodide: PyodideInterface; globals: PyDict }> {
  const pyodide = await loadPyodide();
  // Newer versions of Python say of these packages that some of their syntax is old.
  pyodide.runPython('import sys, warnings; warnings.simplefilter("ignore")');
  packages.forEach((folder, place) => {
    pyodide.mountNodeFS(`/packages/${place}`, folder);
    pyodide.runPython(`sys.path.append("/packages/${place}")`);
  });
  return { pyodide, globals: pyodide.globals as PyDict };
}

/** The cells that cannot be for want of a package; on a machine of CI that is an error. */
export function withoutPackage(name: string): Partial<Record<DriverName, string>> {
  if (packages.some((folder) => existsSync(join(folder, name)))) return {};
  if (process.env['CI'] !== undefined)
    throw new Error(`Cannot import ${name}: python3-${name} is not installed`);
  return Object.fromEntries(drivers.map((driver) => [driver, `python3-${name} is not installed here`]));
}

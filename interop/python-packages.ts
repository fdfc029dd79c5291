import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DriverName, drivers } from './cell-names.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const requirements = path.join(here, 'requirements.txt');

/** Where what requirements.txt names is installed; to be mounted, and to be imported from first. */
export const pythonPackages = path.join(here, 'node_modules/.python');

/** Says what is installed. */
const stamp = path.join(pythonPackages, 'installed.txt');

function hasPythonPackages(): boolean {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(requirements, 'utf8');
}

/** Does nothing if they are there already. @throws pip is not there, or fails */
export function installPythonPackages(): void {
  if (hasPythonPackages()) return;
  rmSync(pythonPackages, { recursive: true, force: true });
  const options = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--retries=1'];
  // Python in WebAssembly has neither use for what is compiled here nor for the dependencies that pip would add for this machine.
  const what = [
    '--no-deps',
    '--no-compile',
    '--only-binary=:all:',
    `--target=${pythonPackages}`,
    '-r',
    requirements,
  ];
  const { status, stderr, error } = spawnSync('python3', ['-m', 'pip', 'install', ...options, ...what], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(`Cannot install the packages of Python: pip failed\n${stderr ?? ''}`, {
      cause: error ?? status,
    });
  }
  writeFileSync(stamp, readFileSync(requirements, 'utf8'));
}

/** The same; without pip, it is the tests that say so. @throws on a machine of CI */
export function installPythonForTests(): void {
  try {
    installPythonPackages();
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error;
    console.warn(error);
  }
}

/** The cells that cannot be for want of them; on a machine of CI that is an error. */
export function withoutPythonPackages(): Partial<Record<DriverName, string>> {
  if (existsSync(pythonPackages)) return {};
  if (process.env['CI'] !== undefined)
    throw new Error(`Cannot test with Python: ${requirements} is not installed`);
  const reason = 'what requirements.txt names, by pip, is not installed here';
  return Object.fromEntries(drivers.map((driver) => [driver, reason]));
}

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Installs the frameworks. Does nothing if what the lock file says has been installed since it said so. */
export function install(): void {
  const at = (name: string) => statSync(path.join(here, name), { throwIfNoEntry: false })?.mtimeMs;
  const installed = at('node_modules/.package-lock.json');
  if (installed !== undefined && installed >= (at('package-lock.json') ?? 0)) return;
  mustSucceed('npm', ['ci', '--prefix', here, '--ignore-scripts', '--no-audit', '--no-fund']);
}

/** Runs a program to its end. @throws it failed */
export function mustSucceed(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (status === 0) return;
  throw new Error(`Cannot go on: ${program} ${args.join(' ')} failed`, { cause: error ?? status });
}

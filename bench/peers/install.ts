import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Effort } from '../answer.ts';

/** A package of its own, so that nobody who works on the library has to install what it compares with. */
const peersFolder = fileURLToPath(new URL('./npm', import.meta.url));

/** Milliseconds, for three packages. */
const timeLimit = 120_000;

/** True if what the lock file says has been installed since it said so. */
export function arePeersInstalled(folder = peersFolder): boolean {
  const installed = statSync(join(folder, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  return installed !== undefined && installed.mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

/**
 * Installs the peers that come from npm, unless they are there.
 *
 * @param folder the package that names them
 * @returns why not; null: they are there
 */
export function installPeers(folder = peersFolder): string | null {
  if (arePeersInstalled(folder)) return null;
  console.log('Installing the peers from npm …');
  const { status, stderr, error } = spawnSync(
    'npm',
    ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'],
    { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', timeout: timeLimit },
  );
  if (status === 0) return null;
  return `npm ci failed: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

/** Installs the peers that come from npm, unless that would take too long. @returns why not; null: they are there */
export function whyNotInstalled({ quick }: Effort): string | null {
  return quick && !arePeersInstalled() ? '--quick installs nothing' : installPeers();
}

import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/** Starts a program on the core that all of them share, or on any if that cannot be had. */
export type Place = (command: string, args: readonly string[]) => [command: string, args: string[]];

export const anywhere: Place = (command, args) => [command, [...args]];

/**
 * Puts servers and client on one core, by taskset(1): they then take turns, as nobody can do anything before the other
 * has, and what a message costs is free of what it costs to wake a sleeping core, which on a virtual machine is
 * several times as much, and anything but even. The price: helper threads, of the collector for instance, share it too.
 *
 * @returns null where there is no taskset
 */
export function findCore(): Place | null {
  const pin = ['-c', String(cpus().length - 1)];
  if (spawnSync('taskset', [...pin, 'true']).status !== 0) return null;
  return (command, args) => ['taskset', [...pin, command, ...args]];
}

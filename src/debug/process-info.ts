import { readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { Signal } from '../interface/index.ts';
import type { FolderEnvironment } from './socket-folder.ts';
import { printable } from './text.ts';

// What Linux tells of a process in /proc. Elsewhere, and of a process of somebody else's, nothing: null.

/** Whether it has a handler for the signal. @see proc(5), "SigCgt" */
export function catchesSignal(pid: number, signal: Signal): boolean | null {
  const mask = /^SigCgt:\s*([0-9a-f]+)/m.exec(read(pid, 'status') ?? '')?.[1];
  const number = constants.signals[signal as NodeJS.Signals];
  if (mask === undefined || number === undefined) return null;
  return ((BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n) === 1n;
}

/** The user it runs as. */
export function uidOf(pid: number): number | null {
  const uid = /^Uid:\s*\d+\s+(\d+)/m.exec(read(pid, 'status') ?? '')?.[1];
  return uid === undefined ? null : Number(uid);
}

/** The environment it was started with. */
export function environmentOf(pid: number): FolderEnvironment | null {
  const text = read(pid, 'environ');
  if (text === null) return null;
  const entries = text.split('\0').map((entry): [string, string] => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}

/** One letter, of its main thread; Z: it has ended. @see proc(5), "State" */
export function stateOf(pid: number): string | null {
  return /^State:\s*(\S)/m.exec(read(pid, 'status') ?? '')?.[1] ?? null;
}

/** The name of its program's file. @see proc(5), "exe" */
export function programOf(pid: number): string | null {
  try {
    return printable(basename(readlinkSync(`/proc/${pid}/exe`)));
  } catch {
    return null;
  }
}

/** What keeps its main thread from answering, in words. */
export function activityOf(pid: number): string | null {
  switch (stateOf(pid)) {
    case 'R':
      return 'as it computes';
    case 'T':
    case 't':
      return 'as it is stopped';
    case 'D':
    case 'S':
      return 'as it waits in a system call or for another thread';
    default:
      return null;
  }
}

function read(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

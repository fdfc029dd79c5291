import { readFileSync } from 'node:fs';

/** Linux tells programs of hundredths of a second, whatever the kernel itself counts in. @see proc(5), sysconf(3) */
const millisecondsPerTick = 10;

/**
 * Milliseconds of CPU time that a process has used so far, in all its threads, its system calls included.
 *
 * @returns null where the system does not tell
 * @see proc(5), `/proc/pid/stat`, utime and stime
 */
export function cpuTimeOf(pid: number): number | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the program's name in parentheses, in which anything may stand.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * millisecondsPerTick;
}

/**
 * Bytes of memory that a process has, of those that are its own and in use now.
 *
 * @returns null where the system does not tell
 * @see proc(5), `/proc/pid/status`, RssAnon
 */
export function residentBytesOf(pid: number): number | null {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return null;
  }
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

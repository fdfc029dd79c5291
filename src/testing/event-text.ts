import type { TraceEvent } from '../drivers/simulation/index.ts';

// What is in this file runs in the page of a timeline too, as its own text: see timeline.ts.

/** What an event is, without time and host, in one line. */
export function describeEvent({ kind, text, message, peer }: TraceEvent): string {
  const what = oneLine(text);
  if (kind !== 'sent' && kind !== 'arrived' && kind !== 'lost') {
    return kind === 'task'
      ? what
      : `${kind === 'said' ? '"' : kind}${kind === 'said' ? `${what}"` : `: ${what}`}`;
  }
  const arrow = kind === 'sent' ? '-->' : kind === 'arrived' ? '<--' : '-x-';
  const number = message === undefined ? '' : ` #${message}`;
  return `${arrow} ${oneLine(peer ?? '?')}${number}  ${what}`;
}

/** Milliseconds with three places. No more are shown than that, the order of the lines says the rest. */
export function formatTime(time: number): string {
  const microseconds = Math.round(time * 1000);
  const whole = Math.floor(microseconds / 1000);
  return `${whole}.${String(microseconds - whole * 1000).padStart(3, '0')}`;
}

/** `39 min 58 s`: the two largest units. */
export function formatDuration(milliseconds: number): string {
  const round = (value: number) => String(Math.round(value * 1000) / 1000);
  if (milliseconds < 1000) return `${round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${round(milliseconds / 1000)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds - minutes * 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes - hours * 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** What would end the line, or command a terminal, is spelled out. */
export function oneLine(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) =>
      character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

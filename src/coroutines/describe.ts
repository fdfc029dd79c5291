import type { Future } from './future.ts';

/** Node's key for the text that `console.log` and `util.inspect` show. */
export const inspect: unique symbol = Symbol.for('nodejs.util.inspect.custom');

const textLengthMax = 60;

/** Where a future stands, with the outcome it has. */
export interface State {
  state: string;
  result?: unknown;
  exception?: unknown;
}

/** `<Future finished result=42>`: state, outcome, and at most the first and last callback with a count of the others. */
export function describeFuture(
  future: Future<unknown>,
  state: State,
  details: readonly string[] = [],
): string {
  const parts = [future.constructor.name, state.state, ...details];
  if ('result' in state) parts.push(`result=${short(textOf(state.result))}`);
  if ('exception' in state) parts.push(`exception=${short(textOf(state.exception))}`);
  const waiters = future.waiterNames();
  const last = waiters.at(-1);
  if (waiters.length > 2) parts.push(`callbacks=[${waiters[0]}, <${waiters.length - 2} more>, ${last}]`);
  else if (waiters.length > 0) parts.push(`callbacks=[${waiters.join(', ')}]`);
  return `<${parts.join(' ')}>`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `[${value.name || 'function'}]`;
  if (typeof value !== 'object' || value === null || value instanceof Error) return String(value);
  return Array.isArray(value) ? `[array of ${value.length}]` : `[${value.constructor?.name ?? 'object'}]`;
}

function short(text: string): string {
  return text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax - 1)}…`;
}

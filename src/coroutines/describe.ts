import type { Future } from './future.ts';

/** Node's key for the text that `console.log` and `util.inspect` show. */
export const inspect: unique symbol = Symbol.for('nodejs.util.inspect.custom');

const textLengthMax = 60;

/** `<Future finished result=42>`: state, outcome, and at most the first and last callback with a count of the others. */
export function describeFuture(
  future: Future<unknown>,
  outcome: { state: string; outcome?: unknown },
  details: readonly string[] = [],
): string {
  const parts = [future.constructor.name, outcome.state, ...details];
  if ('outcome' in outcome) parts.push(describeResult(outcome.outcome));
  const waiters = future.waiterNames();
  const last = waiters.at(-1);
  if (waiters.length > 2) parts.push(`callbacks=[${waiters[0]}, <${waiters.length - 2} more>, ${last}]`);
  else if (waiters.length > 0) parts.push(`callbacks=[${waiters.join(', ')}]`);
  return `<${parts.join(' ')}>`;
}

function describeResult(outcome: unknown): string {
  if (typeof outcome === 'object' && outcome !== null && 'exception' in outcome) {
    return `exception=${short(String(outcome.exception))}`;
  }
  return `result=${short(textOf(outcome))}`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `[${value.name || 'function'}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? `[array of ${value.length}]` : `[${value.constructor?.name ?? 'object'}]`;
}

function short(text: string): string {
  return text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax - 1)}…`;
}

import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { oneLine } from './event-text.ts';
import { firstLineOf } from './simulation-error.ts';
import type { TimelineOptions } from './timeline.ts';
import type { Trace } from './trace.ts';

/** Where the environment asks for the trace of what failed, or is repeated; null: nowhere. */
export function traceFile(): string | null {
  return process.env['TULIPA_TRACE'] || null;
}

/**
 * Writes a trace where the environment asks for it, with what has failed, if anything has. Never throws: what has failed matters more
 * than its trace.
 */
export function keepTrace(trace: Trace, title: string, failure: { readonly error: unknown } | null): void {
  const file = traceFile();
  if (file === null) return;
  try {
    writeTrace(trace, file, failure === null ? { title } : { title, failure: firstLineOf(failure.error) });
    process.stderr.write(`The trace is in ${file}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
  }
}

/**
 * Writes a trace to a file: as a page if it ends in `.html`, as text if in `.txt`. Real I/O, so not for inside a
 * simulation.
 *
 * @throws {RangeError} the name of the file has another ending
 * @throws {Error} it cannot be written; `cause` says why
 */
export function writeTrace(trace: Trace, path: string, options: TimelineOptions = {}): void {
  const { failure = '' } = options;
  const end = failure === '' ? '' : `failed: ${oneLine(failure)}\n`;
  const text = formOf(path) === '.html' ? trace.toHtml(options) : `${trace}${end}`;
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new Error(`Cannot write the trace to ${path}: ${(cause as Error).message}`, { cause });
  }
}

function formOf(path: string): '.html' | '.txt' {
  const ending = extname(path).toLowerCase();
  if (ending === '.html' || ending === '.htm') return '.html';
  if (ending === '.txt') return '.txt';
  throw new RangeError(
    `Cannot write the trace to ${path}: the name ends neither in .html nor in .txt, which say in what form`,
  );
}

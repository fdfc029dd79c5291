/** What a message may end with, prepared for the search in a {@link ByteQueue}. */
export interface Separators {
  /** shortest first: where two end at the same byte, the shorter one is the match */
  readonly patterns: readonly Uint8Array[];
  readonly longest: number;
  /** the one byte with which all of them end, or -1: ask `endings` */
  readonly lastByte: number;
  /** 1 at every byte with which one of them ends */
  readonly endings: Uint8Array | null;
}

export type Separator = Uint8Array | string;

const encoder = new TextEncoder();

/** A line's end, as `readLine` knows it. */
export const NEWLINE: Separators = compile([Uint8Array.of(10)]);

/**
 * Prepares one separator or several, any of which may end a message. Strings are UTF-8.
 *
 * @throws {TypeError} neither bytes nor text
 * @throws {RangeError} no separator at all, or an empty one
 */
export function compileSeparators(separator: Separator | readonly Separator[]): Separators {
  if (separator === '\n') return NEWLINE;
  if (!Array.isArray(separator)) return compile([toBytes(separator as Separator)]);
  if (separator.length === 0) throw new RangeError('Cannot read to a separator: the list of them is empty');
  return compile(separator.map(toBytes).sort((a, b) => a.length - b.length));
}

function toBytes(separator: Separator): Uint8Array {
  const bytes = typeof separator === 'string' ? encoder.encode(separator) : separator;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError('Cannot read to a separator: it is neither a Uint8Array nor a string');
  }
  if (bytes.length === 0) throw new RangeError('Cannot read to a separator: it is empty');
  return bytes;
}

function compile(patterns: readonly Uint8Array[]): Separators {
  const lastBytes = patterns.map((pattern) => pattern[pattern.length - 1] as number);
  const lastByte = lastBytes[0] as number;
  const longest = (patterns[patterns.length - 1] as Uint8Array).length;
  if (lastBytes.every((byte) => byte === lastByte)) return { patterns, longest, lastByte, endings: null };
  const endings = new Uint8Array(256);
  for (const byte of lastBytes) endings[byte] = 1;
  return { patterns, longest, lastByte: -1, endings };
}

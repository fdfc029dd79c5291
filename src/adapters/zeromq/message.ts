/** Strings are sent as UTF-8. */
export type MessagePart = Uint8Array | string;

/** One part, or several, of which either all arrive or none. */
export type Message = MessagePart | readonly MessagePart[];

/** What a C function that tells lengths as `int` can tell of. */
export const partBytesLimit = 2 ** 31 - 1;

const encoder = new TextEncoder();

/** What the memory says, whatever a subclass says of itself. */
const byteLengthOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
)?.get as (this: Uint8Array) => number;

/**
 * Plain views of the parts, at least one.
 *
 * @throws {TypeError} something of it is no part
 * @throws {RangeError} it has none, or one that is too large
 */
export function partsOf(message: Message): Uint8Array[] {
  const given: readonly unknown[] = Array.isArray(message) ? message : [message];
  const parts = given.map(bytesOf);
  if (parts.length === 0) throw new RangeError('Cannot send a message without parts');
  return parts;
}

/** @throws {TypeError | RangeError} it is no part */
export function bytesOf(part: unknown): Uint8Array {
  if (typeof part === 'string') return encoder.encode(part);
  if (!(part instanceof Uint8Array)) {
    const what = part === null ? 'null' : typeof part;
    throw new TypeError(`Cannot send a part that is ${what}: it is neither a Uint8Array nor a string`);
  }
  const byteLength = byteLengthOf.call(part);
  if (byteLength > partBytesLimit) {
    throw new RangeError(`Cannot send a part of ${byteLength} bytes: ${partBytesLimit} is the limit`);
  }
  return new Uint8Array(part.buffer, part.byteOffset, byteLength);
}

/** For a message that has to wait, while its sender may use the memory again. */
export function kept(parts: readonly Uint8Array[]): Uint8Array[] {
  return parts.map((part) => new Uint8Array(part));
}

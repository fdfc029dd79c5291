const encoder = new TextEncoder();

/**
 * The bytes of what another kind of stream calls a chunk, as a copy: there, it may well be somebody else's too.
 *
 * @param data bytes in any view, or text for its UTF-8
 * @throws {TypeError} neither
 */
export function copyData(data: unknown): Uint8Array {
  if (typeof data === 'string') return encoder.encode(data);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  }
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  throw new TypeError('Cannot take the chunk: it is neither bytes nor text');
}

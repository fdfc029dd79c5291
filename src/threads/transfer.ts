const marked = new WeakMap<object, readonly object[]>();

/**
 * Marks a value to be moved instead of copied when it next goes to another thread, or comes back from one as the result
 * of a job. Who had it then has it no more: a moved buffer is empty there.
 *
 * @param value an argument or a result: the mark is not looked for inside of others
 * @param parts what of it is moved; the value itself, or the buffer of a typed array, unless given
 * @returns the value
 * @throws {TypeError} not an object
 */
export function transfer<T extends object>(value: T, parts?: readonly object[]): T {
  if (typeof value !== 'object' || value === null)
    throw new TypeError('Cannot mark the value to be moved: it is not an object');
  const own = ArrayBuffer.isView(value) ? value.buffer : value;
  marked.set(value, parts === undefined ? [own] : [...parts]);
  return value;
}

/** What of the values is to be moved. The marks are used up by that. */
export function takeMarked(values: readonly unknown[]): object[] {
  const parts = new Set<object>();
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue;
    for (const part of marked.get(value) ?? []) parts.add(part);
    marked.delete(value);
  }
  return [...parts];
}

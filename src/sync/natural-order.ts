/**
 * Smaller first: numbers, strings by their code units, dates, and arrays of such by their first elements that differ.
 *
 * @throws {TypeError} no order is natural to the two
 */
export function naturalOrder(a: unknown, b: unknown): number {
  if (Object.is(a, b)) return 0;
  if (Array.isArray(a) && Array.isArray(b)) return orderOfArrays(a, b);
  if (a instanceof Date && b instanceof Date) return naturalOrder(a.getTime(), b.getTime());
  if ((isNumeric(a) && isNumeric(b)) || (typeof a === 'string' && typeof b === 'string')) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  throw new TypeError(
    `Cannot order ${kindOf(a)} and ${kindOf(b)}: give the PriorityQueue a \`compare\` that can`,
  );
}

function orderOfArrays(a: readonly unknown[], b: readonly unknown[]): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const order = naturalOrder(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value));
}

function kindOf(value: unknown): string {
  if (value === null || Number.isNaN(value)) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return Array.isArray(value) ? 'an array' : `a ${value.constructor?.name ?? 'object'}`;
}

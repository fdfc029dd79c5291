import { SimulationError } from './simulation-error.ts';

/**
 * Whether two failures are of the same defect: errors of one class and code that say the same but for numbers. Only the
 * first line counts, since more may be a picture of the moment (a tree of tasks, a difference of values).
 */
export function sameFailure(one: unknown, other: unknown): boolean {
  return shapeOf(one) === shapeOf(other);
}

function shapeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return `${typeof failure} ${withoutNumbers(String(failure))}`;
  const { name, message } = failure;
  const code = 'code' in failure ? String(failure.code) : '';
  const shape = `${name} ${code} ${withoutNumbers(message)}`;
  if (failure instanceof SimulationError && failure.cause !== undefined)
    return `${shape}\n${shapeOf(failure.cause)}`;
  if (!(failure instanceof AggregateError)) return shape;
  // How many failed, and in which order, is luck.
  return `${shape}\n${[...new Set(failure.errors.map(shapeOf))].sort().join('\n')}`;
}

function withoutNumbers(text: string): string {
  return (text.split('\n', 1)[0] as string).replace(/\d+(?:\.\d+)?/g, '0');
}

import { listDrivers } from '../../runtime/index.ts';
import { formatTable } from '../format.ts';

/** `tulipa loops`: which loops work here, and why the others do not. */
export function loopsCommand(): void {
  const rows = listDrivers().map(({ name, description, unavailable }) => [
    name,
    unavailable === null ? 'works' : `does not work: ${unavailable}`,
    description,
  ]);
  process.stdout.write(`${formatTable(rows)}\n`);
}

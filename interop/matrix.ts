import { type DriverName, drivers } from './cell-names.ts';

/** What came of one framework on one driver. */
export interface Cell {
  readonly framework: string;
  readonly driver: DriverName;
  readonly passed: number;
  readonly failed: number;
  /** why not all tests, or none, were tried; null: all were */
  readonly reason: string | null;
  /** What the tests need is not there, which says nothing about the cell. */
  readonly absent: boolean;
}

const begin = '<!-- matrix: `npm run test:interop` writes what follows -->';
const end = '<!-- end of the matrix -->';

/** The page with this matrix in it. Cells that could not be tried here keep what the page says of them. */
export function pageWith(page: string, cells: readonly Cell[]): string {
  const [before, rest] = split(page, begin);
  const [old, after] = split(rest, end);
  const known = rowsOf(old);
  const frameworks = [...new Set(cells.map((cell) => cell.framework))].sort();
  const rows = frameworks.map((framework) => {
    const texts = drivers.map((driver, column) => {
      const cell = cells.find((other) => other.framework === framework && other.driver === driver);
      const text = cell === undefined ? '' : textOf(cell);
      return cell?.absent === true ? (known.get(framework)?.[column] ?? text) : text;
    });
    return `| ${[framework, ...texts].join(' | ')} |`;
  });
  const head = [`| framework | ${drivers.join(' | ')} |`, `| --- |${' --- |'.repeat(drivers.length)}`];
  return `${before}${begin}\n\n${[...head, ...rows].join('\n')}\n\n${end}${after}`;
}

function textOf({ passed, failed, reason }: Cell): string {
  const tried = failed === 0 ? `${passed} passed` : `**${failed} failed**, ${passed} passed`;
  if (reason === null) return tried;
  return passed + failed === 0 ? `no: ${reason}` : `${tried}; not all: ${reason}`;
}

/** The texts of the cells, by framework. */
function rowsOf(table: string): Map<string, string[]> {
  const rows = table.split('\n').filter((line) => line.startsWith('| '));
  return new Map(
    rows.map((line) => {
      const [framework = '', ...texts] = line.slice(2, -2).split(' | ');
      return [framework, texts];
    }),
  );
}

function split(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark);
  if (at === -1) throw new Error(`Cannot write the matrix: the page has no line ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

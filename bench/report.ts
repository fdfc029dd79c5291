import { availableParallelism, cpus } from 'node:os';
import type { Answer, Figure } from './answer.ts';

/** Where and when: without them, no figure means anything. */
export interface Machine {
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cpus: number;
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cpus: availableParallelism(),
  };
}

export function formatHead(machine: Machine): string {
  const { date, node, platform, processor, cpus: count } = machine;
  return `Node ${node}, ${platform}, ${count} × ${processor}, ${date}`;
}

export type Style = 'plain' | 'markdown';

/** A table for each unit: a line for each candidate, a column for each case. */
export function formatAnswer(answer: Answer, style: Style): string {
  const units = unique(answer.figures.map(({ unit }) => unit));
  const tables = units.map((unit) => {
    const figures = answer.figures.filter((figure) => figure.unit === unit);
    const cases = unique(figures.map((figure) => figure.case));
    const lines = unique(figures.map(({ candidate }) => candidate)).map((candidate) => [
      candidate,
      ...cases.map((caseName) =>
        formatFigure(
          figures.find((figure) => figure.candidate === candidate && figure.case === caseName),
          answer,
        ),
      ),
    ]);
    return [formatTable([[unit, ...cases], ...lines], style), spreadOf(figures)].join('\n\n');
  });
  const title = style === 'markdown' ? `### ${answer.question}` : `${answer.name}: ${answer.question}`;
  const notes = answer.notes.map((note) => (style === 'markdown' ? `Note: ${note}` : `!! ${note}`));
  return [title, ...tables, ...notes].join('\n\n');
}

function formatFigure(figure: Figure | undefined, { baseline }: Answer): string {
  if (figure === undefined) return '–';
  const median = formatNumber(figure.median);
  if (figure.ratio === null || figure.candidate === baseline) return median;
  return `${median} (${formatNumber(figure.ratio, 2)}×)`;
}

/** How far to believe the ratios. */
function spreadOf(figures: readonly Figure[]): string {
  const spreads = figures.map(({ ratio, ratioQuartiles }) =>
    ratio === null || ratioQuartiles === null
      ? 0
      : Math.max(ratioQuartiles[1] / ratio - 1, 1 - ratioQuartiles[0] / ratio),
  );
  const rounds = Math.max(...figures.map((figure) => figure.rounds));
  const widest = Math.round(Math.max(...spreads) * 100);
  if (rounds === 1) return 'One round.';
  return `Medians of ${rounds} rounds; the middle half of the ratios lies within ${widest} % of them.`;
}

/** Three digits that matter, or all before the point. */
function formatNumber(value: number, digits = 3): string {
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function formatTable(rows: readonly (readonly string[])[], style: Style): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  );
  if (style === 'plain') return lines.map((line) => line.join('  ')).join('\n');
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(Math.max(width, 3)) : `${'-'.repeat(Math.max(width - 1, 2))}:`,
  );
  return [lines[0] ?? [], rule, ...lines.slice(1)].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

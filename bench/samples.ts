import type { Figure } from './answer.ts';

/**
 * The samples of all candidates, round by round.
 *
 * Machines get faster and slower by the minute: a ratio is only taken between samples of the same round, which follow
 * each other closely, and it is the ratios whose median is told.
 */
export class Samples {
  readonly #candidates: readonly string[];
  /** By candidate, case and unit; a value for each round. */
  readonly #rows = new Map<string, { candidate: string; case: string; unit: string; values: number[] }>();

  /** @param candidates in the order in which they are shown; the first is the baseline */
  constructor(candidates: readonly string[]) {
    this.#candidates = candidates;
  }

  get baseline(): string {
    return this.#candidates[0] ?? '';
  }

  add(candidate: string, caseName: string, unit: string, value: number): void {
    const key = keyOf(candidate, caseName, unit);
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { candidate, case: caseName, unit, values: [] };
      this.#rows.set(key, row);
    }
    row.values.push(value);
  }

  figures(): Figure[] {
    const place = ({ candidate }: { candidate: string }) => this.#candidates.indexOf(candidate);
    const rows = [...this.#rows.values()].sort((a, b) => place(a) - place(b));
    return rows.map(({ candidate, case: caseName, unit, values }) => {
      const base = this.#rows.get(keyOf(this.baseline, caseName, unit))?.values;
      const ratios = base === undefined ? null : values.map((value, round) => value / (base[round] ?? NaN));
      return {
        candidate,
        case: caseName,
        unit,
        median: quantile(values, 0.5),
        ratio: ratios === null ? null : quantile(ratios, 0.5),
        ratioQuartiles: ratios === null ? null : [quantile(ratios, 0.25), quantile(ratios, 0.75)],
        rounds: values.length,
      };
    });
  }
}

function keyOf(candidate: string, caseName: string, unit: string): string {
  return JSON.stringify([candidate, caseName, unit]);
}

/** Between two values, a straight line. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.ceil(place)] ?? NaN;
  return low + (high - low) * (place - Math.floor(place));
}

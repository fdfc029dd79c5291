/** What a benchmark finds out. Plain data: it crosses processes and goes into files. */
export interface Answer {
  readonly name: string;
  readonly question: string;
  /** The candidate that all others are compared with. */
  readonly baseline: string;
  readonly figures: readonly Figure[];
  /** What a reader has to know, above all what was left out and why. */
  readonly notes: readonly string[];
}

/** What one candidate needs for one case. */
export interface Figure {
  readonly candidate: string;
  readonly case: string;
  readonly unit: string;
  readonly median: number;
  /** The median of the rounds' own ratios to the baseline; null where the baseline has no such case. */
  readonly ratio: number | null;
  /** The lower and the upper quartile of these. */
  readonly ratioQuartiles: readonly [number, number] | null;
  readonly rounds: number;
}

/** How much trouble to take. */
export interface Effort {
  /** Just enough to see that everything works: the figures mean nothing. */
  readonly quick: boolean;
  /** What was asked for with `--name=value`, for those who know the name. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What a benchmark's file exports. */
export interface Question {
  readonly question: string;
  ask(effort: Effort): Promise<Omit<Answer, 'name' | 'question'>>;
}

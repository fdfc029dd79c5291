import type { ChoiceKind, Choices, Overruling } from '../drivers/simulation/index.ts';

/** A choice that did not come out plain: what makes one course of a program differ from its plainest. */
export interface Deviation {
  /** of the sequence in which it was chosen: where that is, for a person too */
  readonly label: string;
  readonly kind: ChoiceKind;
  /** how many choices this sequence had made before */
  readonly index: number;
  /** from 1 on, below `count` */
  readonly outcome: number;
  readonly count: number;
  /** what the outcome meant, where somebody was asked and knew it; '' where another one of that label says it */
  readonly meaning: string | null;
}

/** What is needed to choose like that again. */
export type Prescription = Pick<Deviation, 'label' | 'index' | 'outcome'>;

/** 'random' choices are no deviations: none of their outcomes is plainer than another, so they stay as drawn. */
export function isDrawn(choices: Choices): boolean {
  return choices.kind === 'random';
}

/** Chooses as the seed says. */
export const asDrawn: Overruling = (_choices, _index, outcome) => outcome;

/** Chooses as prescribed, and plainly everywhere else. */
export function prescribed(prescriptions: readonly Prescription[]): Overruling {
  const labels = new Map<string, Map<number, number>>();
  for (const { label, index, outcome } of prescriptions) {
    const outcomes = labels.get(label) ?? new Map<number, number>();
    labels.set(label, outcomes.set(index, outcome));
  }
  return (choices, index, outcome, count) => {
    if (isDrawn(choices)) return outcome;
    // A choice may have come to be between fewer, as what went before was made simpler.
    return Math.min(labels.get(choices.label)?.get(index) ?? 0, count - 1);
  };
}

/** Sees what is chosen in one run. */
export class Recording {
  /** in the order in which they were chosen */
  readonly deviations: Deviation[] = [];
  /** all that was chosen */
  choices = 0;
  /** for `Oracle.overruling` */
  readonly overruling: Overruling;
  readonly #meanings: (string | (() => string) | null)[] = [];

  /** @param withMeanings asks of each deviation what it meant, which takes time */
  constructor(overruling: Overruling, withMeanings = false) {
    this.overruling = (choices, index, drawn, count) => {
      const outcome = overruling(choices, index, drawn, count);
      this.choices++;
      if (outcome !== 0 && !isDrawn(choices)) {
        const { label, kind } = choices;
        this.deviations.push({ label, kind, index, outcome, count, meaning: null });
        if (withMeanings) this.#meanings.push(choices.describe?.(outcome, count) ?? null);
      }
      return outcome;
    };
  }

  /** The deviations with their meanings, when the run is over: some are only known then. */
  tell(): Deviation[] {
    return this.deviations.map((deviation, place) => {
      const meaning = this.#meanings[place] ?? null;
      return { ...deviation, meaning: typeof meaning === 'function' ? meaning() : meaning };
    });
  }
}

/** One deviation in one line, as in `network: latency client → server #4: 4.8 ms`. */
export function describeDeviation({ label, kind, index, outcome, count, meaning }: Deviation): string {
  // A fault that is known says where and when it was.
  if (kind === 'fault' && meaning !== null) return `fault: ${meaning}`;
  const where = `${label.startsWith(kind) ? '' : `${kind}: `}${label} #${index + 1}`;
  if (meaning !== null) return `${where}: ${meaning}`;
  if (count === 2) return where;
  return `${where}: ${count === 2 ** 32 ? (outcome / count).toFixed(3) : `${outcome} of 0 to ${count - 1}`}`;
}

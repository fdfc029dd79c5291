/**
 * Runs a program in every course that choices can give it, up to bounds.
 *
 * The courses are a tree: each run is determined by its choices that are not plain, and every choice behind the last one
 * of these branches off another run for each outcome that it did not take. They are run with fewer deviations first, so
 * that the first failure found has as few as any; and each course exactly once.
 *
 * It knows nothing of simulations, only how to run with choices overruled.
 */
import type { ChoiceKind, Choices, Overruling } from '../drivers/simulation/index.ts';
import { StateError } from '../interface/index.ts';
import { isDrawn } from './deviations.ts';

export interface ExhaustiveOptions {
  /** how many choices of one run are tried in all their outcomes, later ones being plain; 1 000 unless given */
  choicesMax?: number | undefined;
  /** how many runs at most; 100 000 unless given */
  runsMax?: number | undefined;
  /** of which kinds all outcomes are tried, those of others being plain; order only unless given */
  kinds?: readonly Exclude<ChoiceKind, 'random'>[] | undefined;
  /** choices of the network, and of faults, between more than so many stay plain; 4 unless given */
  outcomesMax?: number | undefined;
}

export interface ExhaustiveReport {
  readonly runs: number;
  /** true: there are no other courses; false: the bounds kept some from being run */
  readonly complete: boolean;
  /** how many choices the run with the most of them had */
  readonly deepest: number;
}

/** A choice that is made to come out otherwise, behind those of `parent`. */
interface Branch {
  readonly parent: Branch | null;
  /** how many choices of the run came before */
  readonly place: number;
  readonly outcome: number;
  readonly label: string;
  readonly count: number;
}

/**
 * @param run false ends the search: what was looked for has been found
 * @throws {StateError} the program chose otherwise when it was run again (`ERR_NOT_DETERMINISTIC`)
 */
export async function searchExhaustively(
  run: (overruling: Overruling) => Promise<boolean>,
  options: ExhaustiveOptions = {},
): Promise<ExhaustiveReport> {
  const { choicesMax = 1_000, runsMax = 100_000, kinds = ['order'], outcomesMax = 4 } = options;
  const isTried = (choices: Choices, count: number) =>
    kinds.some((kind) => kind === choices.kind) && (choices.kind === 'order' || count <= outcomesMax);
  const waiting: (Branch | null)[] = [null];
  let complete = true;
  let deepest = 0;
  let runs = 0;
  while (runs < waiting.length) {
    const branch = waiting[runs] as Branch | null;
    // Its place is kept, so that the number of runs is one of places; what it holds may go.
    waiting[runs++] = null;
    const path = pathTo(branch);
    let place = 0;
    let next = 0;
    let mismatch: StateError | null = null;
    const goOn = await run((choices, _index, outcome, count) => {
      if (isDrawn(choices)) return outcome;
      if (!isTried(choices, count)) return 0;
      const here = place++;
      const step = path[next];
      if (step !== undefined) {
        if (step.place > here) return 0;
        next++;
        if (step.label !== choices.label || step.count !== count)
          mismatch ??= notDeterministic(step, choices, count);
        return step.outcome;
      }
      if (here >= choicesMax) {
        complete = false;
        return 0;
      }
      const { label } = choices;
      for (let other = 1; other < count; other++) {
        if (waiting.length < runsMax)
          waiting.push({ parent: branch, place: here, outcome: other, label, count });
        else complete = false;
      }
      return 0;
    });
    if (mismatch === null && next < path.length) mismatch = notDeterministic(path[next] as Branch, null, 0);
    if (mismatch !== null) throw mismatch;
    if (place > deepest) deepest = place;
    if (!goOn) return { runs, complete: false, deepest };
  }
  return { runs, complete, deepest };
}

function pathTo(branch: Branch | null): Branch[] {
  const path: Branch[] = [];
  for (let step = branch; step !== null; step = step.parent) path.push(step);
  return path.reverse();
}

function notDeterministic(step: Branch, choices: Choices | null, count: number): StateError {
  const now = choices === null ? 'nothing to choose' : `${count} ways to go at '${choices.label}'`;
  return new StateError(
    'ERR_NOT_DETERMINISTIC',
    `Cannot try all courses: after the same choices there were once ${step.count} ways to go at '${step.label}', then ${now}`,
  );
}

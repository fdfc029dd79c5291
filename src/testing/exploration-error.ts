import { LoopError } from '../interface/index.ts';
import { type Deviation, describeDeviation } from './deviations.ts';

export interface ExplorationFailure {
  readonly seed: number;
  /** by which the course that is described here happens again, in `TULIPA_SEED` */
  readonly token: string;
  /** the command line for that */
  readonly command: string;
  /** what was chosen that is not plain, in order; all other choices were. Empty: the plain course fails too */
  readonly deviations: readonly Deviation[];
  /** how many choices were not plain when it first failed */
  readonly deviationsBefore: number;
  /** runs that it took to leave the others out */
  readonly attempts: number;
  /**
   * 'minimal': with less, it does not fail. 'bounded': nothing more was tried, because of the bounds. 'none': was not asked
   * for. 'replayed': these were given. 'lost': it did not fail again with the same choices, so something decides that is not of the simulation.
   */
  readonly shrinking: 'minimal' | 'bounded' | 'none' | 'replayed' | 'lost';
  /** the last of what happened */
  readonly trace: string;
}

/**
 * A course was found in which the scenario fails: `cause` says how. The message has all that is needed to see why, and to
 * have it happen again.
 */
export class ExplorationError extends LoopError<'ERR_EXPLORATION'> implements ExplorationFailure {
  override readonly name = 'ExplorationError';
  // Not a field: the message says most of it already to who looks at the whole error.
  readonly #failure: ExplorationFailure;

  constructor(failure: ExplorationFailure, options: { cause: unknown }) {
    super('ERR_EXPLORATION', messageOf(failure, options.cause), options);
    this.#failure = failure;
  }

  get seed(): number {
    return this.#failure.seed;
  }

  get token(): string {
    return this.#failure.token;
  }

  get command(): string {
    return this.#failure.command;
  }

  get deviations(): readonly Deviation[] {
    return this.#failure.deviations;
  }

  get deviationsBefore(): number {
    return this.#failure.deviationsBefore;
  }

  get attempts(): number {
    return this.#failure.attempts;
  }

  get shrinking(): ExplorationFailure['shrinking'] {
    return this.#failure.shrinking;
  }

  get trace(): string {
    return this.#failure.trace;
  }
}

const linesMax = 30;

function messageOf(failure: ExplorationFailure, cause: unknown): string {
  const said = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const [first, ...rest] = said.trimEnd().split('\n');
  const lines = [`Cannot complete the scenario with seed ${failure.seed}: ${first}`];
  if (rest.length > 0) lines.push(indented(rest.slice(0, linesMax).join('\n')));
  if (rest.length > linesMax) lines.push('  …');
  lines.push(...whatItTakes(failure));
  if (failure.trace !== '') lines.push('The last of what happened:', indented(failure.trace));
  lines.push(failure.shrinking === 'lost' ? 'The seed again:' : 'Again:', `  ${failure.command}`);
  return lines.join('\n');
}

function whatItTakes({ deviations, deviationsBefore, attempts, shrinking }: ExplorationFailure): string[] {
  if (shrinking === 'lost') {
    return [
      'It did not fail so when it was run again with the same choices: something decides that the seed does not',
    ];
  }
  if (shrinking === 'none') return [];
  const told = deviations.filter(({ meaning }) => meaning !== '');
  const lines = told.slice(0, linesMax).map((deviation) => `  ${describeDeviation(deviation)}`);
  if (told.length > linesMax) lines.push(`  and ${told.length - linesMax} more`);
  const more = shrinking === 'bounded' ? '; fewer may do: the bounds of shrinking were reached' : '';
  const runs = attempts === 1 ? '1 run' : `${attempts} runs`;
  if (shrinking === 'replayed')
    lines.unshift(
      lines.length === 0 ? 'With every choice plain' : 'With these choices, and all others plain:',
    );
  else if (lines.length === 0) lines.push(`It fails in the plain course too, with nothing chosen (${runs})`);
  else
    lines.unshift(
      `It takes ${deviations.length} of the ${deviationsBefore} choices that were not plain (${runs}${more}):`,
    );
  return lines;
}

function indented(text: string): string {
  return text.trimEnd().replace(/^/gm, '  ');
}

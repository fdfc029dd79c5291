/**
 * Makes a failing course simpler: as few deviations from the plain course as still fail, and those as small as can be.
 *
 * It is delta debugging, but begun with what belongs together: everything of one kind at once (was it a fault? the
 * network?), then all of one place, then halves, quarters and so on to single deviations. Late ones are tried first,
 * because to take out an early one changes what all the later ones mean.
 *
 * It knows nothing of simulations, only how to ask whether a set of deviations fails.
 *
 * @see "Simplifying and Isolating Failure-Inducing Input", Zeller and Hildebrandt: ddmin
 */
import type { Deviation } from './deviations.ts';

/**
 * Runs the program with these deviations and no others.
 * @returns those that it came to, in their order; null: it does not fail, or in another way
 */
export type Attempt = (deviations: readonly Deviation[]) => Promise<readonly Deviation[] | null>;

export interface ShrinkOptions {
  /** how many runs it may take; 1 000 unless given */
  attemptsMax?: number | undefined;
  /** how many milliseconds of real time it may take; 10 000 unless given */
  timeMax?: number | undefined;
}

export interface Shrunk {
  readonly deviations: readonly Deviation[];
  readonly attempts: number;
  /** false: attempts or time were used up, and it may be possible to leave more out */
  readonly complete: boolean;
}

/**
 * @param deviations of a run that fails; `attempt` is known to fail with all of them
 * @param now a real clock, in milliseconds
 */
export async function shrink(
  deviations: readonly Deviation[],
  attempt: Attempt,
  now: () => number,
  options: ShrinkOptions = {},
): Promise<Shrunk> {
  const shrinking = new Shrinking(deviations, attempt, now, options);
  const complete = await shrinking.run();
  return { deviations: shrinking.deviations, attempts: shrinking.attempts, complete };
}

/** Sets larger than this are never asked for twice anyway. */
const remembered = 64;
/** Of larger sets there are too many pairs. */
const pairedMax = 16;
const adaptedMax = 8;

class Shrinking {
  deviations: readonly Deviation[];
  attempts = 0;
  readonly #attempt: Attempt;
  readonly #now: () => number;
  readonly #attemptsMax: number;
  readonly #end: number;
  readonly #harmless = new Set<string>();

  constructor(
    deviations: readonly Deviation[],
    attempt: Attempt,
    now: () => number,
    { attemptsMax = 1_000, timeMax = 10_000 }: ShrinkOptions,
  ) {
    this.deviations = deviations;
    this.#attempt = attempt;
    this.#now = now;
    this.#attemptsMax = attemptsMax;
    this.#end = now() + timeMax;
  }

  /** True: nothing more can be left out. */
  async run(): Promise<boolean> {
    await this.#fails([]);
    await this.#leaveOut((deviation) => deviation.kind);
    await this.#leaveOut((deviation) => deviation.label);
    do await this.#leaveOutParts();
    while ((await this.#leaveOutPair()) || (await this.#leaveOutAndAdapt()) || (await this.#lower()));
    return !this.#usedUp;
  }

  get #usedUp(): boolean {
    return this.attempts >= this.#attemptsMax || this.#now() >= this.#end;
  }

  /** Whether these fail too. If so, they are what is left. */
  async #fails(candidate: readonly Deviation[]): Promise<boolean> {
    if (this.#usedUp) return false;
    const key = candidate.length <= remembered ? keyOf(candidate) : null;
    if (key !== null && this.#harmless.has(key)) return false;
    this.attempts++;
    const left = await this.#attempt(candidate);
    if (left !== null) this.deviations = left;
    else if (key !== null) this.#harmless.add(key);
    return left !== null;
  }

  /** Leaves out all that have something in common. */
  async #leaveOut(common: (deviation: Deviation) => string): Promise<void> {
    const groups = new Set(this.deviations.map(common));
    for (const group of [...groups].reverse()) {
      const rest = this.deviations.filter((deviation) => common(deviation) !== group);
      if (rest.length < this.deviations.length) await this.#fails(rest);
    }
  }

  /** Until none can be left out alone. */
  async #leaveOutParts(): Promise<void> {
    let size = Math.ceil(this.deviations.length / 2);
    while (size > 0 && !this.#usedUp) {
      const before = this.deviations.length;
      for (let end = before; end > 0; ) {
        const start = Math.max(0, end - size);
        await this.#fails([...this.deviations.slice(0, start), ...this.deviations.slice(end)]);
        end = Math.min(start, this.deviations.length);
      }
      if (size > 1) size = Math.floor(size / 2);
      else if (this.deviations.length === before) break;
    }
  }

  /** Of what is left, one may be there only to make up for another. True: two were left out. */
  async #leaveOutPair(): Promise<boolean> {
    const { length } = this.deviations;
    if (length > pairedMax) return false;
    for (let i = length - 1; i > 0; i--) {
      for (let j = i - 1; j >= 0; j--) {
        if (await this.#fails(this.deviations.filter((_, k) => k !== i && k !== j))) return true;
      }
    }
    return false;
  }

  /**
   * Of what is left, one may be there only because it moved what another one is to choose: one is left out, and a later one
   * of the same place chooses a neighbour. True: one was left out.
   */
  async #leaveOutAndAdapt(): Promise<boolean> {
    const { length } = this.deviations;
    if (length > adaptedMax) return false;
    for (let i = length - 2; i >= 0; i--) {
      for (let j = i + 1; j < length; j++) {
        const [one, other] = [this.deviations[i] as Deviation, this.deviations[j] as Deviation];
        if (one.label !== other.label) continue;
        for (const outcome of [other.outcome - 1, other.outcome + 1]) {
          if (outcome < 1 || outcome >= other.count) continue;
          const candidate = this.deviations.with(j, { ...other, outcome }).filter((_, k) => k !== i);
          if (await this.#fails(candidate)) return true;
        }
      }
    }
    return false;
  }

  /** Makes the outcomes smaller. True: some could be. */
  async #lower(): Promise<boolean> {
    let lowered = false;
    for (let i = 0; i < this.deviations.length; i++) {
      let harmless = 0;
      for (;;) {
        const { outcome, count } = this.deviations[i] as Deviation;
        // What is drawn from many need not be known to the last digit.
        const enough = Math.max(1, count > 1024 ? count / 256 : 0);
        if (outcome - harmless <= enough || this.#usedUp) break;
        const middle = Math.floor((harmless + outcome) / 2);
        const lower = this.deviations.map((deviation, j) =>
          j === i ? { ...deviation, outcome: middle } : deviation,
        );
        if (!(await this.#fails(lower))) {
          harmless = middle;
          continue;
        }
        lowered = true;
        // It may have made later ones needless, or be clamped; that it has gone itself is for another round.
        if (this.deviations[i]?.outcome !== middle) break;
      }
    }
    return lowered;
  }
}

function keyOf(deviations: readonly Deviation[]): string {
  return deviations.map(({ label, index, outcome }) => `${label}\0${index}\0${outcome}`).join('\n');
}

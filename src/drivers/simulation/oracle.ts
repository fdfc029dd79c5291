/**
 * Every choice that a simulation makes comes from here: one seed, one course of events.
 *
 * Choices are drawn in sequences of their own, one for each place where something is chosen (the latency of one link,
 * the order of tasks on one host), so that a choice more or less in one place changes nothing in the others. Whatever is
 * chosen, 0 is the plain course: first in, first out, no delay beyond the least, no fault. By that a failure can be made
 * simpler: fewer choices other than 0.
 */

/**
 * What is chosen. 'order': what runs next. 'network': latencies, sizes of segments. 'fault': what goes wrong, and when.
 * 'random': numbers for the program itself, of which none is plainer than another.
 */
export type ChoiceKind = 'order' | 'network' | 'fault' | 'random';

/**
 * Overrules what was drawn: to record it, to repeat what was recorded, to try everything.
 *
 * @param index how many choices this sequence has made before
 * @param outcome of the seed: from 0 on, below `count`
 * @param count between how many: 2 where it is whether something happens, 2^32 for a fraction
 * @returns what to take in place of `outcome`, in its range
 */
export type Overruling = (choices: Choices, index: number, outcome: number, count: number) => number;

const range = 2 ** 32;

/**
 * Says what an outcome means, for a person: asked at the very moment of the choice, it may give a function to be asked when
 * the run is over. '' is for what another choice of this label says too.
 */
export type DescribeOutcome = (outcome: number, count: number) => string | (() => string);

/** The choices made in one place. */
export class Choices {
  readonly label: string;
  readonly kind: ChoiceKind;
  readonly #oracle: Oracle;
  #describe: DescribeOutcome | null = null;
  #index = 0;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @internal */
  constructor(label: string, kind: ChoiceKind, oracle: Oracle) {
    this.label = label;
    this.kind = kind;
    this.#oracle = oracle;
    const mix = mixer(`${oracle.seed}/${label}`);
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    for (let i = 0; i < 12; i++) this.#draw();
  }

  /** null: its number says it all. */
  get describe(): DescribeOutcome | null {
    return this.#describe;
  }

  /**
   * Says from now on what outcomes mean.
   *
   * A function that is made where it is assigned to a property is put among old objects by V8: there it would keep the whole
   * simulation until everything is collected. So it is passed, here and wherever one is made for each simulation.
   */
  describeBy(describe: DescribeOutcome): void {
    this.#describe = describe;
  }

  /** An integer from 0 on, below `count`, which is at most 2^21. Between one there is nothing to choose. */
  pick(count: number): number {
    return count <= 1 ? 0 : this.#decide(Math.floor((this.#draw() * count) / range), count);
  }

  /** From 0 on, below 1, in steps of 2^-32. */
  fraction(): number {
    return this.bits() / range;
  }

  /** True with that probability. */
  chance(probability: number): boolean {
    if (!(probability > 0)) return false;
    if (probability >= 1) return true;
    return this.#decide(this.#draw() >= (1 - probability) * range ? 1 : 0, 2) === 1;
  }

  /** 32 bits. */
  bits(): number {
    return this.#decide(this.#draw(), range);
  }

  #decide(outcome: number, count: number): number {
    const index = this.#index++;
    const { overruling } = this.#oracle;
    return overruling === null ? outcome : overruling(this, index, outcome, count);
  }

  /** @see "PractRand", Doty-Humphrey: sfc32 */
  #draw(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

export class Oracle {
  readonly seed: number;
  /** null: what is drawn counts */
  overruling: Overruling | null = null;
  readonly #choices = new Map<string, Choices>();

  /** @param seed an integer, 0 or more. @throws {RangeError} another number */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new RangeError(`Cannot use the seed ${seed}: it is no integer from 0 on`);
    this.seed = seed;
  }

  /** The choices of that label; made at the first call. */
  choices(label: string, kind: ChoiceKind): Choices {
    let choices = this.#choices.get(label);
    if (choices === undefined) {
      choices = new Choices(label, kind, this);
      this.#choices.set(label, choices);
    }
    return choices;
  }
}

/** Numbers that have nothing to do with each other, from a text. @see "Hash functions", Jenkins: one-at-a-time */
function mixer(text: string): () => number {
  let hash = 0x9e3779b9;
  const add = (byte: number) => {
    hash = (hash + byte) | 0;
    hash = (hash + (hash << 10)) | 0;
    hash ^= hash >>> 6;
  };
  for (let i = 0; i < text.length; i++) add(text.charCodeAt(i));
  return () => {
    add(0x55);
    let end = (hash + (hash << 3)) | 0;
    end ^= end >>> 11;
    return (end + (end << 15)) | 0;
  };
}

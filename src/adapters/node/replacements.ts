interface Replaced {
  readonly owner: object;
  readonly key: PropertyKey;
  /** what was put there: its value, or its getter */
  readonly ours: unknown;
  /** undefined: there was none */
  readonly before: PropertyDescriptor | undefined;
  /** by a mere assignment, which leaves the rest of it as it was, and costs a tenth */
  readonly assigned: boolean;
}

/** Properties of objects that are others' own, replaced for a while; there where `target` has them from. */
export class Replacements {
  readonly #replaced: Replaced[] = [];

  replace(target: object, key: PropertyKey, value: unknown): void {
    const owner = ownerOf(target, key);
    const before = Object.getOwnPropertyDescriptor(owner, key);
    const assigned = before?.writable === true;
    if (assigned) Reflect.set(owner, key, value);
    else this.#define(owner, key, before, { value, writable: true });
    this.#replaced.push({ owner, key, ours: value, before, assigned });
  }

  replaceGetter(target: object, key: PropertyKey, get: () => unknown): void {
    const owner = ownerOf(target, key);
    const before = Object.getOwnPropertyDescriptor(owner, key);
    const set = before?.set;
    this.#define(owner, key, before, set === undefined ? { get } : { get, set });
    this.#replaced.push({ owner, key, ours: get, before, assigned: false });
  }

  /**
   * Puts everything back as it was found; properties that were not there are gone again.
   *
   * @throws {TypeError} somebody has fixed one of them meanwhile; the others are put back all the same
   */
  restore(): void {
    this.#putBack(() => true);
  }

  /**
   * As `restore`, but what somebody else has put there meanwhile stays. It may go on to call ours, and put that back when
   * it is removed: who replaces by functions that do what the real ones do from now on can be removed in any order.
   */
  withdraw(): void {
    this.#putBack(({ owner, key, ours }) => {
      const now = Object.getOwnPropertyDescriptor(owner, key);
      return now !== undefined && (now.value === ours || now.get === ours);
    });
  }

  #putBack(isToBe: (replaced: Replaced) => boolean): void {
    let failure: { readonly error: unknown } | null = null;
    for (let replaced = this.#replaced.pop(); replaced !== undefined; replaced = this.#replaced.pop()) {
      const { owner, key, before, assigned } = replaced;
      if (!isToBe(replaced)) continue;
      try {
        if (before === undefined) Reflect.deleteProperty(owner, key);
        else if (assigned && isAsAssigned(owner, key)) Reflect.set(owner, key, before.value);
        else Object.defineProperty(owner, key, before);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== null) throw failure.error;
  }

  #define(
    owner: object,
    key: PropertyKey,
    before: PropertyDescriptor | undefined,
    property: PropertyDescriptor,
  ): void {
    Object.defineProperty(owner, key, {
      ...property,
      enumerable: before?.enumerable ?? false,
      configurable: true,
    });
  }
}

/** The object in its chain of prototypes that has the property; itself, if none has. */
function ownerOf(target: object, key: PropertyKey): object {
  for (let owner: object | null = target; owner !== null; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, key)) return owner;
  }
  return target;
}

/** False if the program has made something else of it meanwhile. */
function isAsAssigned(owner: object, key: PropertyKey): boolean {
  return Object.getOwnPropertyDescriptor(owner, key)?.writable === true;
}

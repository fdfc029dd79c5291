import type { Session } from 'node:inspector';
import { pathOf } from './stack.ts';

// V8's inspector knows of functions and generators what JavaScript does not tell. It is asked from inside, at no cost
// until somebody does.

/** Looking takes some 0.2 ms a value, and meanwhile the program stands still. */
const valuesMax = 500;

const holderKey = 'tulipa.debug.values';

/** URLs by the inspector's number for a script. To hear of them, the debugger has to be switched on for some ms. */
const scripts = new Map<string, string>();

export interface RemoteValue {
  readonly objectId?: string;
  readonly description?: string;
  readonly value?: { scriptId: string; lineNumber: number; columnNumber?: number };
}

interface RemoteProperty {
  readonly name: string;
  readonly value?: RemoteValue;
}

/** A place in a file; null: a file that nobody knows. Lines and columns from 1. */
export interface Place {
  readonly file: string | null;
  readonly line: number;
  readonly column: number;
}

/** An inspector that is connected to this thread. */
export class Inspector {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** What is shown of a value in double brackets: `[[FunctionLocation]]`. */
  internalsOf(value: RemoteValue): Map<string, RemoteValue | undefined> {
    const { internalProperties = [] } = this.#propertiesOf(value);
    return new Map(internalProperties.map(({ name, value }) => [name, value]));
  }

  placeOf(location: NonNullable<RemoteValue['value']>): Place {
    return {
      file: this.#fileOf(location.scriptId),
      line: location.lineNumber + 1,
      column: (location.columnNumber ?? 0) + 1,
    };
  }

  /** @internal */
  lookAtHeld<T>(look: (inspector: Inspector, value: RemoteValue) => T | null, found: (T | null)[]): void {
    const expression = `globalThis[Symbol.for(${JSON.stringify(holderKey)})]`;
    const list = this.#post<{ result: RemoteValue }>('Runtime.evaluate', {
      expression,
      objectGroup: holderKey,
    });
    for (const { name, value } of this.#propertiesOf(list.result).result) {
      const index = /^\d+$/.test(name) ? Number(name) : -1;
      if (value !== undefined && index in found) found[index] = look(this, value);
    }
    this.#post('Runtime.releaseObjectGroup', { objectGroup: holderKey });
  }

  #propertiesOf({ objectId }: RemoteValue) {
    return this.#post<{ result: RemoteProperty[]; internalProperties?: RemoteProperty[] }>(
      'Runtime.getProperties',
      { objectId, ownProperties: true },
    );
  }

  #fileOf(scriptId: string): string | null {
    if (!scripts.has(scriptId)) {
      const onParsed = ({ params }: { params: { scriptId: string; url: string } }) => {
        scripts.set(params.scriptId, params.url);
      };
      this.#session.on('Debugger.scriptParsed', onParsed);
      this.#post('Debugger.enable');
      this.#post('Debugger.disable');
      this.#session.off('Debugger.scriptParsed', onParsed);
    }
    const url = scripts.get(scriptId) ?? '';
    return url === '' ? null : pathOf(url);
  }

  /** In its own thread, a session answers inside the call. */
  #post<Answer>(method: string, params: object = {}): Answer {
    let answer: Answer | undefined;
    let failure: Error | null = null;
    this.#session.post(method, params, (error, result) => {
      failure = error;
      answer = result as Answer;
    });
    if (failure !== null) throw failure;
    if (answer === undefined) throw new Error(`${method} was not answered at once`);
    return answer;
  }
}

/** What `look` finds out about each value; null where it finds nothing, and where there is no inspector to ask. */
export function inspectEach<T>(
  values: readonly object[],
  look: (inspector: Inspector, value: RemoteValue) => T | null,
): (T | null)[] {
  const found: (T | null)[] = values.map(() => null);
  if (values.length === 0) return found;
  const holder = globalThis as { [key: symbol]: unknown };
  let session: Session | null = null;
  try {
    const inspector = process.getBuiltinModule('node:inspector');
    session = new inspector.Session();
    session.connect();
    holder[Symbol.for(holderKey)] = values.slice(0, valuesMax);
    new Inspector(session).lookAtHeld(look, found);
  } catch {
    // A Node without an inspector, or one that must not use it: what it would tell is then left out.
  } finally {
    delete holder[Symbol.for(holderKey)];
    session?.disconnect();
  }
  return found;
}

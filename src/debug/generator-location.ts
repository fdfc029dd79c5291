import type { Session } from 'node:inspector';
import { pathOf, type StackFrame } from './stack.ts';

// V8's inspector can say where a suspended generator stands, without anything having been recorded: the outermost of a
// task's generators is found by that, in any process, at no cost until somebody asks.

/** Looking takes some 0.2 ms a generator, and meanwhile the program stands still. */
const generatorsMax = 500;

const holderKey = 'tulipa.debug.generators';

/** URLs by the inspector's number for a script. To hear of them, the debugger has to be switched on for some ms. */
const scripts = new Map<string, string>();

interface RemoteValue {
  readonly objectId?: string;
  readonly description?: string;
  readonly value?: { scriptId: string; lineNumber: number; columnNumber?: number };
}

interface RemoteProperty {
  readonly name: string;
  readonly value?: RemoteValue;
}

/** Where generators are suspended, in the order given; null for those that are not, and where nobody can tell. */
export function locateGenerators(generators: readonly object[]): (StackFrame | null)[] {
  const found: (StackFrame | null)[] = generators.map(() => null);
  if (generators.length === 0) return found;
  const inspector = process.getBuiltinModule('node:inspector');
  let session: Session | null = null;
  const holder = globalThis as { [key: symbol]: unknown };
  try {
    session = new inspector.Session();
    session.connect();
    holder[Symbol.for(holderKey)] = generators.slice(0, generatorsMax);
    locateAll(session, found);
  } catch {
    // A Node without an inspector, or one that must not use it: places are then left out.
  } finally {
    delete holder[Symbol.for(holderKey)];
    session?.disconnect();
  }
  return found;
}

function locateAll(session: Session, found: (StackFrame | null)[]): void {
  const expression = `globalThis[Symbol.for(${JSON.stringify(holderKey)})]`;
  const list = post<{ result: RemoteValue }>(session, 'Runtime.evaluate', {
    expression,
    objectGroup: holderKey,
  });
  const elements = propertiesOf(session, list.result).result;
  for (const { name, value } of elements) {
    const index = /^\d+$/.test(name) ? Number(name) : -1;
    if (value !== undefined && index in found) found[index] = locate(session, value);
  }
  post(session, 'Runtime.releaseObjectGroup', { objectGroup: holderKey });
}

function locate(session: Session, generator: RemoteValue): StackFrame | null {
  const internal = new Map(
    propertiesOf(session, generator).internalProperties?.map(({ name, value }) => [name, value]),
  );
  const place = internal.get('[[GeneratorLocation]]')?.value;
  if (place === undefined) return null;
  const text = internal.get('[[GeneratorFunction]]')?.description ?? '';
  return {
    name:
      /^(?:static\s+)?(?:function\s*)?\*\s*(#?[\p{ID_Start}$_][\p{ID_Continue}$]*)/u.exec(text)?.[1] ?? '',
    file: scriptFile(session, place.scriptId),
    line: place.lineNumber + 1,
    column: (place.columnNumber ?? 0) + 1,
    kind: 'generator',
  };
}

function propertiesOf(session: Session, { objectId }: RemoteValue) {
  return post<{ result: RemoteProperty[]; internalProperties?: RemoteProperty[] }>(
    session,
    'Runtime.getProperties',
    { objectId, ownProperties: true },
  );
}

function scriptFile(session: Session, scriptId: string): string | null {
  if (!scripts.has(scriptId)) {
    const onParsed = ({ params }: { params: { scriptId: string; url: string } }) => {
      scripts.set(params.scriptId, params.url);
    };
    session.on('Debugger.scriptParsed', onParsed);
    post(session, 'Debugger.enable');
    post(session, 'Debugger.disable');
    session.off('Debugger.scriptParsed', onParsed);
  }
  const url = scripts.get(scriptId) ?? '';
  return url === '' ? null : pathOf(url);
}

/** In its own thread, a session answers inside the call. */
function post<Answer>(session: Session, method: string, params: object = {}): Answer {
  let answer: Answer | undefined;
  let failure: Error | null = null;
  session.post(method, params, (error, result) => {
    failure = error;
    answer = result as Answer;
  });
  if (failure !== null) throw failure;
  if (answer === undefined) throw new Error(`${method} was not answered at once`);
  return answer;
}

// Structured clone keeps of an error its message and stack, and makes every class of the user's a plain Error. What goes
// through here keeps its name, its fields, its causes, and the class as far as that is the language's own.

/** What was thrown, in a form that can cross threads. */
export type Parcel =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly base: BaseName;
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly cause: Parcel | null;
      readonly errors: readonly Parcel[] | null;
      readonly fields: Readonly<Record<string, unknown>>;
    };

const bases = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
};
type BaseName = keyof typeof bases;

const isBase = (name: unknown): name is BaseName => typeof name === 'string' && Object.hasOwn(bases, name);

/** Never throws: what cannot cross is told as text, or left out. */
export function packThrown(thrown: unknown, above: readonly unknown[] = []): Parcel {
  if (!(thrown instanceof Error))
    return { kind: 'value', value: cloneable(thrown) ? thrown : textOf(thrown) };
  const path = [...above, thrown];
  const inside = (value: unknown) =>
    path.includes(value) ? packThrown(textOf(value)) : packThrown(value, path);
  const { errors } = thrown as Partial<AggregateError>;
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(thrown)) {
    if (!['name', 'message', 'stack', 'cause', 'errors'].includes(key) && cloneable(value))
      fields[key] = value;
  }
  return {
    kind: 'error',
    base: baseOf(thrown),
    name: nameOf(thrown),
    message: textOf(thrown.message),
    stack: typeof thrown.stack === 'string' ? thrown.stack : undefined,
    cause: 'cause' in thrown ? inside(thrown.cause) : null,
    errors: thrown instanceof AggregateError && Array.isArray(errors) ? errors.map(inside) : null,
    fields,
  };
}

export function unpackThrown(parcel: Parcel): unknown {
  if (parcel.kind === 'value') return parcel.value;
  const { base, name, message, stack, cause, errors, fields } = parcel;
  const error = base === 'AggregateError' ? new AggregateError([], message) : new bases[base](message);
  const hidden = { configurable: true, writable: true, enumerable: false };
  if (name !== error.name) Object.defineProperty(error, 'name', { ...hidden, value: name });
  if (stack !== undefined) Object.defineProperty(error, 'stack', { ...hidden, value: stack });
  if (cause !== null) Object.defineProperty(error, 'cause', { ...hidden, value: unpackThrown(cause) });
  if (errors !== null) Object.defineProperty(error, 'errors', { ...hidden, value: errors.map(unpackThrown) });
  return Object.assign(error, fields);
}

/** The language's own class that it is one of. */
function baseOf(error: Error): BaseName {
  for (let object: unknown = error; object !== null; object = Object.getPrototypeOf(object)) {
    const name: unknown = Object.hasOwn(object as object, 'constructor')
      ? (object as { constructor: { name?: unknown } }).constructor?.name
      : undefined;
    if (isBase(name)) return name;
  }
  return 'Error';
}

/** A class that gives its errors no name of their own has one itself. */
function nameOf(error: Error): string {
  const ofClass: unknown = error.constructor?.name;
  return isBase(error.name) && typeof ofClass === 'string' && ofClass !== '' ? ofClass : textOf(error.name);
}

function cloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `<${typeof value}>`;
  }
}

import { basename } from 'node:path';
import { type Inspector, inspectEach, type RemoteValue } from './inspector.ts';

// What a function without a name is called by: the place where it stands.

/** By the function; by what all generators of a function have in common, which is their prototype. */
const known = new WeakMap<object, string>();

/** `main.ts:12`, of functions and of generators, in the order given; '' where nobody can tell. */
export function placesOfCode(code: readonly object[]): string[] {
  const unknown = code.filter((each) => !known.has(keyOf(each)));
  const places = inspectEach(unknown, locate);
  for (const [index, each] of unknown.entries()) known.set(keyOf(each), places[index] ?? '');
  return code.map((each) => known.get(keyOf(each)) ?? '');
}

function keyOf(code: object): object {
  return typeof code === 'function' ? code : (Object.getPrototypeOf(code) ?? code);
}

function locate(inspector: Inspector, code: RemoteValue): string | null {
  const internals = inspector.internalsOf(code);
  const maker = internals.get('[[GeneratorFunction]]');
  const location = (maker === undefined ? internals : inspector.internalsOf(maker)).get(
    '[[FunctionLocation]]',
  )?.value;
  if (location === undefined) return null;
  const { file, line } = inspector.placeOf(location);
  return file === null ? null : `${basename(file)}:${line}`;
}

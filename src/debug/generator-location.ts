import { type Inspector, inspectEach, type RemoteValue } from './inspector.ts';
import type { StackFrame } from './stack.ts';

// The outermost of a task's generators is found by this, in any process, without anything having been recorded.

/** Where generators are suspended, in the order given; null for those that are not, and where nobody can tell. */
export function locateGenerators(generators: readonly object[]): (StackFrame | null)[] {
  return inspectEach(generators, locate);
}

function locate(inspector: Inspector, generator: RemoteValue): StackFrame | null {
  const internals = inspector.internalsOf(generator);
  const location = internals.get('[[GeneratorLocation]]')?.value;
  if (location === undefined) return null;
  const text = internals.get('[[GeneratorFunction]]')?.description ?? '';
  const name =
    /^(?:static\s+)?(?:function\s*)?\*\s*(#?[\p{ID_Start}$_][\p{ID_Continue}$]*)/u.exec(text)?.[1] ?? '';
  return { name, ...inspector.placeOf(location), kind: 'generator' };
}

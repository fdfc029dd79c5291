/** Finds the modules that a TypeScript source text refers to. */
import { describe, tokenize } from './tokens.ts';

export interface ModuleReference {
  /** The module's name as written, or null where it is computed while the program runs. */
  readonly specifier: string | null;
  readonly line: number;
}

/** Every way to name a module: import and export declarations, types, `import()`, `require`, worker files. */
export function findModuleReferences(source: string): ModuleReference[] {
  const tokens = tokenize(source);
  const references: ModuleReference[] = [];
  const at = (index: number): string => describe(tokens[index]);
  const add = (specifier: string | null, index: number) =>
    references.push({ specifier, line: tokens[index]?.line ?? 0 });
  /** Adds the argument of the call whose opening parenthesis is at `index`. */
  const addArgument = (index: number, prefix = '') => {
    const argument = tokens[index + 1];
    const whole = [')', ','].includes(at(index + 2));
    add(argument?.kind === 'text' && whole ? prefix + argument.value : null, index);
  };

  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'word') continue;
    const isProperty = ['.', '?.'].includes(at(index - 1));
    const next = at(index + 1);
    switch (token.value) {
      case 'import':
        if (isProperty) break;
        if (next === '(') addArgument(index + 1);
        else if (next === '.') {
          if (at(index + 3) === '.' && at(index + 4) === 'resolve' && at(index + 5) === '(')
            addArgument(index + 5);
        } else addDeclaration(index);
        break;
      case 'export':
        if (isProperty) break;
        if (['{', '*'].includes(next) || (next === 'type' && ['{', '*'].includes(at(index + 2)))) {
          addDeclaration(index);
        }
        break;
      case 'require':
        if (isProperty) break;
        if (next === '(') addArgument(index + 1);
        else if (next === '.' && at(index + 2) === 'resolve' && at(index + 3) === '(') addArgument(index + 3);
        break;
      case 'getBuiltinModule':
        if (next === '(') addArgument(index + 1, 'node:');
        break;
      case 'URL': {
        // new URL('./worker.ts', import.meta.url): the usual name of a worker's module.
        const file = tokens[index + 2];
        const ofThisModule = at(index + 3) === ',' && at(index + 4) === 'import' && at(index + 5) === '.';
        if (next === '(' && file?.kind === 'text' && ofThisModule && /\.[cm]?[jt]s$/.test(file.value)) {
          add(file.value.startsWith('.') ? file.value : `./${file.value}`, index);
        }
        break;
      }
    }
  }
  return references;

  /** `import 'x'`, `import … from 'x'`, `export … from 'x'`. */
  function addDeclaration(start: number): void {
    for (let index = start + 1; index < tokens.length; index += 1) {
      const token = tokens[index];
      if (token === undefined) return;
      if (token.kind === 'text') {
        if (index === start + 1 || at(index - 1) === 'from') {
          add(token.value, start);
          return;
        }
        continue; // import { 'a name' as b }
      }
      if (token.kind !== 'word' && !['{', '}', ',', '*'].includes(token.value)) return;
    }
  }
}

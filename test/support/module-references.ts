/**
 * Finds the modules that a TypeScript source text refers to.
 *
 * A search with regular expressions would trip over the examples in doc comments, which are full of imports, and
 * over strings. So the text is cut into tokens first: comments vanish, strings become one token each. That is far
 * less than a parser and enough here. The one doubtful place is `/`, division or regular expression; where the
 * guess goes wrong the text soon stops making sense (a string that does not end), and that throws: a file which
 * could not be read is never taken for a file without imports.
 */

export interface ModuleReference {
  /** The module's name as written, or null where it is computed while the program runs. */
  readonly specifier: string | null;
  readonly line: number;
}

interface Token {
  /** `text`: a string without substitutions, `value` being what is between the quotes. */
  readonly kind: 'word' | 'text' | 'other';
  readonly value: string;
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
      if (token.kind === 'other' && !['{', '}', ',', '*'].includes(token.value)) return;
    }
  }
}

/** A token's spelling, with strings told from words. */
function describe(token: Token | undefined): string {
  if (token === undefined) return '';
  return token.kind === 'text' ? `'${token.value}'` : token.value;
}

const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
const WORDS_BEFORE_EXPRESSION = new Set(
  'return typeof case in of do else void delete throw new await yield instanceof default'.split(' '),
);

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** How many braces are open inside each `${` we are in, innermost last. */
  const substitutions: number[] = [];
  let position = 0;
  let line = 1;

  while (position < source.length) {
    const character = source.charAt(position);
    const pair = source.slice(position, position + 2);
    if (character === '\n') {
      line += 1;
      position += 1;
    } else if (/\s/.test(character)) {
      position += 1;
    } else if (pair === '//' || (pair === '#!' && position === 0)) {
      position = indexOrEnd('\n', position);
    } else if (pair === '/*') {
      skipTo(indexOrFail('*/', position + 2, 'comment') + 2);
    } else if (character === "'" || character === '"') {
      readString(character);
    } else if (character === '`') {
      position += 1;
      readTemplate(true);
    } else if (character === '}' && substitutions.at(-1) === 0) {
      substitutions.pop();
      position += 1;
      readTemplate(false);
    } else if (character === '/' && expressionMayStart()) {
      readRegularExpression();
    } else {
      readPlain(character, pair);
    }
  }
  if (substitutions.length > 0) fail('template');
  return tokens;

  function push(kind: Token['kind'], value: string): void {
    tokens.push({ kind, value, line });
  }

  function fail(what: string): never {
    throw new SyntaxError(`Cannot read the imports: the ${what} at line ${line} does not end`);
  }

  function indexOrEnd(text: string, from: number): number {
    const index = source.indexOf(text, from);
    return index === -1 ? source.length : index;
  }

  function indexOrFail(text: string, from: number, what: string): number {
    const index = source.indexOf(text, from);
    return index === -1 ? fail(what) : index;
  }

  function skipTo(target: number): void {
    line += source.slice(position, target).split('\n').length - 1;
    position = target;
  }

  function readPlain(character: string, pair: string): void {
    for (const [pattern, kind] of [[WORD, 'word'] as const, [NUMBER, 'other'] as const]) {
      pattern.lastIndex = position;
      const found = pattern.exec(source)?.[0];
      if (found === undefined) continue;
      push(kind, found);
      position += found.length;
      return;
    }
    const innermost = substitutions.length - 1;
    if (character === '{' && innermost >= 0) substitutions[innermost] = (substitutions[innermost] ?? 0) + 1;
    if (character === '}' && innermost >= 0) substitutions[innermost] = (substitutions[innermost] ?? 0) - 1;
    const value = ['?.', '++', '--'].includes(pair) ? pair : character;
    push('other', value);
    position += value.length;
  }

  function readString(quote: string): void {
    let end = position + 1;
    while (source.charAt(end) !== quote) {
      if (end >= source.length || source.charAt(end) === '\n') fail('string');
      end += source.charAt(end) === '\\' ? 2 : 1;
    }
    push('text', source.slice(position + 1, end));
    skipTo(end + 1);
  }

  /** Reads up to the closing backtick or the next `${`. */
  function readTemplate(fromStart: boolean): void {
    const start = position;
    let end = position;
    while (source.charAt(end) !== '`') {
      if (end >= source.length) fail('template');
      if (source.startsWith('${', end)) {
        push('other', 'template');
        skipTo(end + 2);
        substitutions.push(0);
        return;
      }
      end += source.charAt(end) === '\\' ? 2 : 1;
    }
    // Only a template that is one piece has a value known in advance.
    if (fromStart) push('text', source.slice(start, end));
    else push('other', 'template');
    skipTo(end + 1);
  }

  function expressionMayStart(): boolean {
    const previous = tokens.at(-1);
    if (previous === undefined) return true;
    if (previous.kind === 'text') return false;
    if (previous.kind === 'word') return WORDS_BEFORE_EXPRESSION.has(previous.value);
    // A number, the end of a template, x++, and what a closing bracket ends are values: `/` divides them.
    return !/^(?:\d.*|template|\+\+|--|[)\]}])$/.test(previous.value);
  }

  function readRegularExpression(): void {
    let inClass = false;
    let end = position + 1;
    while (inClass || source.charAt(end) !== '/') {
      const character = source.charAt(end);
      if (character === '' || character === '\n') fail('regular expression');
      if (character === '[') inClass = true;
      if (character === ']') inClass = false;
      end += character === '\\' ? 2 : 1;
    }
    push('other', ']'); // a value, like what a closing bracket ends
    position = end + 1;
  }
}

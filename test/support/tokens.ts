/**
 * Cuts a TypeScript source text into tokens.
 *
 * A search with regular expressions would trip over comments, whose examples are full of code, and over strings. Here
 * comments vanish and strings become one token each. That is far less than a parser and enough for what is asked of it.
 * The one doubtful place is `/`, division or regular expression; where the guess goes wrong the text soon stops making
 * sense (a string that does not end), and that throws: what could not be read is never taken for empty.
 */

export interface Token {
  /**
   * `text`: a string without substitutions, `value` being what is between the quotes. `piece`: a part of a template
   * that has substitutions, up to one of them or to the end.
   */
  readonly kind: 'word' | 'text' | 'piece' | 'other';
  readonly value: string;
  readonly line: number;
}

/** A token's spelling, with strings told from words; '' if there is none. */
export function describe(token: Token | undefined): string {
  if (token === undefined) return '';
  if (token.kind === 'piece') return 'template';
  return token.kind === 'text' ? `'${token.value}'` : token.value;
}

const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
const WORDS_BEFORE_EXPRESSION = new Set(
  'return typeof case in of do else void delete throw new await yield instanceof default'.split(' '),
);

/** @throws {SyntaxError} the text makes no sense */
export function tokenize(source: string): Token[] {
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
    throw new SyntaxError(`Cannot read the source: the ${what} at line ${line} does not end`);
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
        push('piece', source.slice(start, end));
        skipTo(end + 2);
        substitutions.push(0);
        return;
      }
      end += source.charAt(end) === '\\' ? 2 : 1;
    }
    // Only a template that is one piece has a value known in advance.
    push(fromStart ? 'text' : 'piece', source.slice(start, end));
    skipTo(end + 1);
  }

  function expressionMayStart(): boolean {
    const previous = tokens.at(-1);
    if (previous === undefined) return true;
    if (previous.kind === 'text') return false;
    if (previous.kind === 'word') {
      // `counts.await` is a value, whatever the word means elsewhere.
      const named = ['.', '?.'].includes(tokens.at(-2)?.value ?? '');
      return !named && WORDS_BEFORE_EXPRESSION.has(previous.value);
    }
    // A number, the end of a template, x++, and what a closing bracket ends are values: `/` divides them.
    return !/^(?:\d.*|template|\+\+|--|[)\]}])$/.test(describe(previous));
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

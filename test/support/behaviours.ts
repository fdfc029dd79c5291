/**
 * The behaviours table: which behaviours of the specification the tests name, which ones ours does differently on
 * purpose, and which are missing.
 *
 * The specification is asyncio's, told by its own test suites; every behaviour has an id such as `B-` `STR-002`. A test
 * proves one by naming it in its own name. `docs/behaviours.md` has a row for each that ours does in another way.
 */
import { describe, type Token, tokenize } from './tokens.ts';

/** The specification's ids by group: `docs/behaviours-ids.json`. Numbers have gaps. */
export type Specification = Readonly<
  Record<string, { readonly about: string; readonly numbers: readonly number[] }>
>;

/** Where an id was found: `file:line`. */
export type Place = string;

/** Places by id. */
export type Places = Map<string, Place[]>;

/** One id, with what may follow it: `B-X-001 to 004`, `B-X-001–B-X-004`, `B-X-001, 003 and 004`. */
const MENTION =
  /\bB-([A-Z][A-Z0-9]*)-(\d{3})\b((?:\s*(?:to|–|—|-|…|\.\.\.?)\s*(?:B-\1-)?\d{3}\b|\s*(?:,|and|\/)\s*\d{3}\b)*)/g;
const CONTINUATION = /(to|–|—|-|…|\.\.\.?|,|and|\/)\s*(?:B-[A-Z0-9]+-)?(\d{3})/g;

function idOf(group: string, number: number): string {
  return `B-${group}-${String(number).padStart(3, '0')}`;
}

/**
 * The ids that a text names, ranges written out.
 *
 * @throws {RangeError} one of them is not in the specification, or a range ends before it begins
 */
export function findIds(text: string, specification: Specification): string[] {
  const ids = new Set<string>();
  for (const [mention, group = '', first, rest = ''] of text.matchAll(MENTION)) {
    let last = addExisting(group, Number(first));
    for (const [, joint = '', number] of rest.matchAll(CONTINUATION)) {
      const next = addExisting(group, Number(number));
      if (!/^(?:,|and|\/)$/.test(joint)) {
        if (next < last) throw new RangeError(`Cannot read ${mention}: the range ends before it begins`);
        for (const between of specification[group]?.numbers ?? []) {
          if (between > last && between < next) ids.add(idOf(group, between));
        }
      }
      last = next;
    }
  }
  return [...ids];

  function addExisting(group: string, number: number): number {
    const id = idOf(group, number);
    if (specification[group]?.numbers.includes(number) !== true) {
      throw new RangeError(`Cannot find ${id}: the specification has no such behaviour`);
    }
    ids.add(id);
    return number;
  }
}

/**
 * The ids in the strings of a test file: names of tests and suites, in whatever helper or table they stand. A test that
 * is marked `todo` or `skip` proves nothing.
 *
 * @throws {RangeError} as `findIds`, with the place
 */
export function findNamedIds(file: string, source: string, specification: Specification): Places {
  const places: Places = new Map();
  const tokens = readTokens(file, source);
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'text' && token.kind !== 'piece') continue;
    if (!/\bB-[A-Z]/.test(token.value) || isLeftOut(tokens, index)) continue;
    addAll(places, token.value, `${file}:${token.line}`, specification);
  }
  return places;
}

function readTokens(file: string, source: string): Token[] {
  try {
    return tokenize(source);
  } catch (error) {
    throw new SyntaxError(`${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** Is the text at `index` the name of a test that does not run? */
function isLeftOut(tokens: readonly Token[], index: number): boolean {
  const at = (position: number): string => describe(tokens[position]);
  // The name may be a template in pieces: go back to where the call's arguments begin, and on to where they go on.
  let depth = 0;
  let start = index - 1;
  for (; start >= 0 && depth <= 0; start -= 1) {
    if (at(start) === ')') depth -= 1;
    else if (at(start) === '(') depth += 1;
    else if (tokens[start]?.kind === 'other' && [';', '{', '}'].includes(at(start))) return false;
  }
  if (['todo', 'skip'].includes(at(start)) && at(start - 1) === '.') return true;

  let position = index + 1;
  while (position < tokens.length && at(position) !== ',') {
    if (tokens[position]?.kind === 'other' && [')', ';'].includes(at(position))) return false;
    position += 1;
  }
  if (at(position + 1) !== '{') return false;
  depth = 0;
  for (position += 1; position < tokens.length; position += 1) {
    if (at(position) === '{') depth += 1;
    else if (at(position) === '}') depth -= 1;
    else if (depth === 1 && ['todo', 'skip'].includes(at(position)) && at(position + 1) === ':') {
      // What is decided at run time may well run: only what is certainly left out counts as that.
      if (tokens[position + 2]?.kind === 'text' || at(position + 2) === 'true') return true;
    }
    if (depth === 0) return false;
  }
  return false;
}

/**
 * The ids in the first column of a Markdown table: what ours does in another way.
 *
 * @throws {RangeError} as `findIds`; or two rows for one id
 */
export function findDifferingIds(file: string, markdown: string, specification: Specification): Places {
  const places: Places = new Map();
  for (const [index, line] of markdown.split('\n').entries()) {
    const first = /^\|([^|]*)\|/.exec(line)?.[1];
    if (first !== undefined) addAll(places, first, `${file}:${index + 1}`, specification);
  }
  for (const [id, [one, other]] of places) {
    if (other !== undefined) throw new RangeError(`Cannot count ${id}: it has two rows, ${one} and ${other}`);
  }
  return places;
}

function addAll(places: Places, text: string, place: Place, specification: Specification): void {
  try {
    for (const id of findIds(text, specification)) addPlaces(places, id, [place]);
  } catch (error) {
    throw new RangeError(`${place}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

export function addPlaces(places: Places, id: string, more: readonly Place[]): void {
  const found = places.get(id);
  if (found === undefined) places.set(id, [...more]);
  else found.push(...more);
}

interface Count {
  readonly listed: number;
  covered: number;
  differing: number;
  /** of those that differ: named by a test that shows how */
  differingTested: number;
  readonly missing: number[];
}

/** The coverage as a Markdown page. */
export function writeCoverage(specification: Specification, named: Places, differing: Places): string {
  const counts = new Map<string, Count>();
  for (const [group, { numbers }] of Object.entries(specification)) {
    const count: Count = {
      listed: numbers.length,
      covered: 0,
      differing: 0,
      differingTested: 0,
      missing: [],
    };
    for (const number of numbers) {
      const id = idOf(group, number);
      if (differing.has(id)) {
        count.differing += 1;
        if (named.has(id)) count.differingTested += 1;
      } else if (named.has(id)) {
        count.covered += 1;
      } else {
        count.missing.push(number);
      }
    }
    counts.set(group, count);
  }
  const lines = [
    '# Coverage of the behaviours',
    '',
    'Generated by `npm run behaviours`; do not edit. *Covered*: a test names the id. *Differing*: a row of',
    '[behaviours.md](behaviours.md) says what ours does instead; in brackets, how many of these a test names as well.',
    '*Missing*: neither.',
    '',
    '| group | about | listed | covered | differing | missing |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
  ];
  const all = [...counts.values()];
  for (const [group, count] of counts) {
    lines.push(`| B-${group} | ${specification[group]?.about} | ${cells(count)} |`);
  }
  const total: Count = {
    listed: sum(all, (count) => count.listed),
    covered: sum(all, (count) => count.covered),
    differing: sum(all, (count) => count.differing),
    differingTested: sum(all, (count) => count.differingTested),
    missing: all.flatMap((count) => count.missing),
  };
  lines.push(`| **all** | | ${cells(total)} |`, '', '## Missing', '');
  for (const [group, { missing }] of counts) {
    if (missing.length === 0) continue;
    const numbers = missing.map((number) => String(number).padStart(3, '0'));
    lines.push(`- B-${group}: ${numbers.join(', ')}`);
  }
  if (total.missing.length === 0) lines.push('Nothing.');
  return `${lines.join('\n')}\n`;
}

function cells(count: Count): string {
  const differing = count.differing === 0 ? '0' : `${count.differing} (${count.differingTested})`;
  return `${count.listed} | ${count.covered} | ${differing} | ${count.missing.length}`;
}

function sum(counts: readonly Count[], number: (count: Count) => number): number {
  return counts.reduce((total, count) => total + number(count), 0);
}

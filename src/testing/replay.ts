import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, join, relative } from 'node:path';
import process from 'node:process';
import { decodeReplay, type Replay } from './replay-token.ts';

/** The one course that the environment asks for by `TULIPA_SEED`; null: none. */
export function requestedReplay(): Replay | null {
  const token = process.env['TULIPA_SEED'];
  return token === undefined || token === '' ? null : decodeReplay(token);
}

/**
 * The command line, for a POSIX shell in this folder, that runs this program again with that course only.
 *
 * @param name of the test in which it is run, under node:test or vitest; null: it is in no test
 */
export function replayCommand(name: string | null, token: string): string {
  const words = [`TULIPA_SEED=${quoted(token)}`];
  if (process.env['VITEST'] !== undefined) {
    words.push('npx', 'vitest', 'run');
    const file = fileOfVitest();
    if (file !== null) words.push(quoted(relativePath(file)));
    if (name !== null) words.push('-t', quoted(patternOf(name)));
    return words.join(' ');
  }
  words.push(...nodeWords());
  if (name !== null) words.push(quoted(`--test-name-pattern=${patternOf(name)}`));
  const [, script, ...args] = process.argv;
  if (script !== undefined) words.push(quoted(relativePath(script)), ...args.map(quoted));
  return words.join(' ');
}

/**
 * The command line, for a POSIX shell in this folder, that runs the script of this process with other arguments.
 *
 * @param command by whose name the script is called where it is a package's command
 */
export function scriptCommand(command: string, args: readonly string[]): string {
  const script = process.argv[1] ?? '';
  const words =
    basename(script) === command ? ['npx', command] : [...nodeWords(), quoted(relativePath(script))];
  return [...words, ...args.map(quoted)].join(' ');
}

function nodeWords(): string[] {
  return [nodeCommand(), ...nodeOptions(process.execArgv).map(quoted)];
}

/** By these it is decided which code runs. */
const options =
  /^(?:-C|-r|--(?:conditions|import|require|loader|experimental-loader|env-file(?:-if-exists)?|experimental-(?:strip|transform)-types|enable-source-maps))(?:=|$)/;
const optionsOfOthers = /^--(?:test|experimental-test|inspect|debug-port|watch)/;

/** The options that this process was given, save those for whoever runs tests or watches. */
function nodeOptions(given: readonly string[]): string[] {
  // Whoever runs tests tells the processes of the tests all options there are, most of them as they are by default.
  const areAll = (process.env['NODE_TEST_CONTEXT'] ?? '') !== '';
  const isKept = (option: string) => (areAll ? options.test(option) : !optionsOfOthers.test(option));
  const kept: string[] = [];
  for (let i = 0; i < given.length; i++) {
    const words = [given[i] as string];
    // Its value is a word of its own.
    if (given[i + 1]?.startsWith('-') === false) words.push(given[++i] as string);
    if (isKept(words[0] as string)) kept.push(...words);
  }
  return kept;
}

/** `node`, where that is what runs this. */
function nodeCommand(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    // npm puts these in front for its scripts only.
    if (folder === '' || /node_modules[\\/]\.bin$|node-gyp-bin$/.test(folder)) continue;
    const found = join(folder, basename(process.execPath));
    try {
      accessSync(found, constants.X_OK);
    } catch {
      continue;
    }
    return realpathSync(found) === realpathSync(process.execPath)
      ? basename(found)
      : quoted(relativePath(process.execPath));
  }
  return quoted(relativePath(process.execPath));
}

function relativePath(path: string): string {
  const below = relative(process.cwd(), path);
  return below === '' || below.startsWith('..') ? path : below;
}

/** The test file of vitest that runs in this process or thread; null: it does not say. */
function fileOfVitest(): string | null {
  const worker: unknown = Reflect.get(globalThis, '__vitest_worker__');
  if (typeof worker !== 'object' || worker === null || !('filepath' in worker)) return null;
  return typeof worker.filepath === 'string' ? worker.filepath : null;
}

/** Names of tests are searched for as regular expressions, behind the names of what they are in. */
function patternOf(name: string): string {
  return `${name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

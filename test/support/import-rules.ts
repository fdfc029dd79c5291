/**
 * The architecture as a table, and the function that holds a source file against it.
 *
 * Imports point downwards only. Why each rule is what it is: docs/decisions/0008-import-direction.md.
 */
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { findModuleReferences } from './module-references.ts';

/** Lowest first. A folder may import itself and the folders of earlier lines, not those of its own line. */
const LAYERS: readonly (readonly string[])[] = [
  ['interface'],
  ['collections', 'syscalls'],
  ['selectors'],
  ['drivers'],
  ['loop'],
  ['transports'],
  ['coroutines'],
  ['runtime'],
  ['threads'],
  ['streams', 'sync', 'subprocess', 'executors'],
  ['http', 'adapters', 'testing', 'debug'],
  ['cli'],
];

/** Exceptions to "not those of its own line". */
const SIDEWAYS: ReadonlySet<string> = new Set([
  'subprocess -> streams',
  'testing -> debug',
  'testing -> adapters',
]);

/** What the order would allow and a folder must do without all the same: these run on any loop. */
const WITHOUT: Readonly<Record<string, readonly string[]>> = {
  streams: ['drivers', 'selectors', 'syscalls'],
  sync: ['drivers', 'selectors', 'syscalls'],
  http: ['drivers', 'selectors', 'syscalls'],
};

/** The only places that may know they run on Node. */
const NODE_PLACES: readonly string[] = [
  'src/syscalls/',
  'src/drivers/',
  'src/loop/async-context.ts',
  'src/loop/hosts/',
  'src/threads/',
  'src/executors/',
  'src/adapters/',
  'src/testing/',
  'src/debug/',
  'src/cli/',
];

/** Programs: they use the package as its users do, by name. */
const PROGRAM_FOLDERS: readonly string[] = ['examples', 'bench'];

const PACKAGE_NAME = 'tulipa';

/** The folders of `src/` that the table knows. */
export const KNOWN_FOLDERS: ReadonlySet<string> = new Set(LAYERS.flat());

/** Does the table speak about this file at all? Tests and scripts may import what they like. */
export function isGoverned(file: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(file) && ['src', ...PROGRAM_FOLDERS].includes(file.split('/', 1)[0] ?? '');
}

/**
 * What is wrong with the imports of one source file.
 *
 * @param file its path from the top of the repository, with forward slashes
 * @param source its text
 * @returns one sentence for each offence, none if all is well
 */
export function findImportProblems(file: string, source: string): string[] {
  const [area = '', folder = ''] = file.split('/');
  if (area === 'src' && !isKnownPlace(file)) {
    return [
      `${file}: ${file.split('/').length > 2 ? `src/${folder}/` : 'this file'} has no place in the layers`,
    ];
  }
  const problems: string[] = [];
  for (const { specifier, line } of findModuleReferences(source)) {
    const objection = PROGRAM_FOLDERS.includes(area)
      ? objectionToProgram(file, specifier)
      : objectionToLibrary(file, specifier);
    const what = specifier === null ? 'a module whose name is computed' : `'${specifier}'`;
    if (objection !== null) problems.push(`${file}:${line} imports ${what}: ${objection}`);
  }
  return problems;
}

/** `src/index.ts`, or a file in a folder of the table. */
function isKnownPlace(file: string): boolean {
  const parts = file.split('/');
  return file === 'src/index.ts' || (parts.length > 2 && KNOWN_FOLDERS.has(parts[1] ?? ''));
}

function objectionToProgram(file: string, specifier: string | null): string | null {
  if (specifier === null || !isRelative(specifier)) return null;
  const area = file.split('/', 1)[0] ?? '';
  const target = resolve(file, specifier);
  if (target.startsWith(`${area}/`)) return null;
  // How long an example takes is a question like others.
  if (area === 'bench' && target.startsWith('examples/')) return null;
  return `${area}/ takes the library by its name, '${PACKAGE_NAME}', as users do`;
}

function objectionToLibrary(file: string, specifier: string | null): string | null {
  const folder = file.split('/')[1] ?? '';
  const mayKnowNode = NODE_PLACES.some(
    (place) => file === place || (place.endsWith('/') && file.startsWith(place)),
  );
  if (specifier === null) {
    return mayKnowNode ? null : 'what cannot be read here cannot be proved to point downwards';
  }
  if (specifier.startsWith('/') || specifier.startsWith('#') || specifier.startsWith('file:')) {
    return 'the library names its own files by relative paths';
  }
  if (isRelative(specifier)) return objectionToFile(file, resolve(file, specifier));
  if (specifier === PACKAGE_NAME || specifier.startsWith(`${PACKAGE_NAME}/`)) {
    return 'the library does not import itself by name';
  }
  if (folder === 'interface') return 'interface/ imports nothing outside itself';
  if (isNodeModule(specifier) && !mayKnowNode)
    return `only ${NODE_PLACES.join(', ')} may import Node's modules`;
  return null;
}

function objectionToFile(file: string, target: string): string | null {
  if (!target.startsWith('src/')) return 'the library imports nothing outside src/';
  const from = file.split('/')[1] ?? '';
  if (file === 'src/index.ts') return isKnownPlace(target) ? null : `${target} has no place in the layers`;
  if (target === 'src/index.ts') return 'src/index.ts is on top of everything';
  if (!isKnownPlace(target)) return `${target} has no place in the layers`;
  const to = target.split('/')[1] ?? '';
  if (from === to) return null;
  if (WITHOUT[from]?.includes(to)) return `${from}/ does without ${to}/, to run on any loop`;
  if (SIDEWAYS.has(`${from} -> ${to}`)) return null;
  const [own, other] = [layerOf(from), layerOf(to)];
  if (other < own) return null;
  return other === own ? `${from}/ and ${to}/ are on the same level` : `${to}/ is above ${from}/`;
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}

function isRelative(specifier: string): boolean {
  return /^\.\.?(?:\/|$)/.test(specifier);
}

function resolve(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier);
}

function isNodeModule(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const OLDEST_MAJOR = 20;
const NEWEST_MAJOR = 22;

export interface FoundNode {
  readonly path: string;
  readonly version: string;
}

/** The directories of PATH, less those in which npm puts the pinned Node. */
function systemPath(): string[] {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  return directories.filter((directory) => directory !== '' && !directory.includes('node_modules'));
}

/** The first suitable Node of the machine, and all that were looked at. */
function findSystemNode(): [FoundNode | undefined, FoundNode[]] {
  const seen: FoundNode[] = [];
  for (const directory of systemPath()) {
    const path = join(directory, process.platform === 'win32' ? 'node.exe' : 'node');
    if (!existsSync(path) || realpathSync(path).includes('node_modules')) continue;
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    const version = /^v(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
    if (version === undefined) continue;
    const node = { path, version };
    seen.push(node);
    const major = Number.parseInt(version, 10);
    if (major >= OLDEST_MAJOR && major <= NEWEST_MAJOR) return [node, seen];
  }
  return [undefined, seen];
}

/**
 * The Node of the machine, 20 to 22. null: there is none, as was said: in CI the run is a promise to users and its absence a
 * failure; at a desk it may be skipped, but not quietly.
 *
 * @param command the npm script that asks
 */
export function oldNode(command: string): FoundNode | null {
  const [node, seen] = findSystemNode();
  if (node !== undefined) return node;
  const inCi = process.env['CI'] === 'true';
  const found = seen.map(({ path, version }) => `${path} is ${version}`).join(', ') || 'none at all';
  const line = '!'.repeat(78);
  process.stderr.write(
    `${line}\n!! ${command} ${inCi ? 'FAILED' : 'SKIPPED'}: the built package was NOT tested on an old Node.\n` +
      `!! Needed on PATH, outside node_modules: Node ${OLDEST_MAJOR} to ${NEWEST_MAJOR}. Found: ${found}.\n${line}\n`,
  );
  return null;
}

/** A test that starts plain `node` shall get the same one; and no option of the developer's may leak in. */
export function environmentFor(node: FoundNode): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return { ...environment, PATH: [dirname(node.path), ...systemPath()].join(delimiter) };
}

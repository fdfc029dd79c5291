import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What Node has compiled, and stripped of its types. Half the suite's time is programs that start. */
const compileCache = fileURLToPath(new URL('../node_modules/.cache/tulipa-tests', import.meta.url));

/**
 * Runs test files under Node's own runner, and prints the report of test-report.ts at the end.
 *
 * @param node the one that runs them
 * @param reporter the module of test-report.ts, as that Node can load it
 * @param patterns files, or patterns of them
 * @returns the exit code: 0 if all passed
 */
export function runTests(
  node: string,
  reporter: string,
  patterns: readonly string[],
  { nodeOptions = [], env = process.env }: { nodeOptions?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): number {
  const { status } = spawnSync(
    node,
    [
      ...nodeOptions,
      '--test',
      '--test-timeout=120000',
      // Left to itself the runner keeps a core free for its own work, of which there is little: of two, it uses one.
      `--test-concurrency=${availableParallelism()}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
      ...patterns,
    ],
    { stdio: 'inherit', env: { NODE_COMPILE_CACHE: compileCache, ...env } },
  );
  // null: ended by a signal, for instance a segmentation fault.
  return status ?? 1;
}

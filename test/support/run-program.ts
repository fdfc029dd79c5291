/**
 * How a test starts a program of this repository in a process of its own.
 *
 * The suite runs in two modes, and a program must be started in the mode of the test that starts it:
 *
 * - source (`npm test`): the pinned Node runs `examples/echo.ts` as it is; `--conditions=source` makes
 *   `import 'tulipa'` mean `src/index.ts`.
 * - compat (`npm run test:compat`): an old Node runs the compiled `.compat/examples/echo.js`; without the
 *   condition `import 'tulipa'` means `dist/index.js`.
 *
 * This module tells the mode by its own file name: compiled, it ends in `.js`.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type RunMode = 'source' | 'compat';

export const runMode: RunMode = import.meta.url.endsWith('.ts') ? 'source' : 'compat';

/** The repository's top folder. Compiled, this file lies one folder deeper. */
export const repositoryRoot = fileURLToPath(
  new URL(runMode === 'source' ? '../../' : '../../../', import.meta.url),
);

export interface ProgramCommand {
  /** The Node that runs this test. */
  readonly command: string;
  readonly args: string[];
}

/**
 * The command line of a program, for `spawn` and its like.
 *
 *     const { command, args } = programCommand('examples/echo.ts', '--port', '0');
 *     const child = spawn(command, args);
 *
 * @param file its source, relative to the repository: `examples/…`, `test/support/programs/…`,
 *   or `src/cli/main.ts` for the command `tulipa`
 * @param args what the program finds behind its own name in `process.argv`
 */
export function programCommand(file: string, ...args: string[]): ProgramCommand {
  if (!/^(?:src|test|examples|bench)\/.*\.ts$/.test(file)) {
    throw new RangeError(`Cannot run ${file}: not a TypeScript file below src, test, examples or bench`);
  }
  return { command: process.execPath, args: [...nodeArguments(file), ...args] };
}

function nodeArguments(file: string): string[] {
  if (runMode === 'source') return ['--conditions=source', join(repositoryRoot, file)];
  const compiled = file.replace(/\.ts$/, '.js');
  if (compiled.startsWith('src/')) return [join(repositoryRoot, 'dist', compiled.slice('src/'.length))];
  return [join(repositoryRoot, '.compat', compiled)];
}

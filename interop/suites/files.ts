import type { Outcome, Runtime } from './outcome.ts';
import { runProgram } from './program.ts';

export interface TestFile {
  /** relative to the checkout */
  path: string;
  /** before the file */
  args?: readonly string[];
  env?: Readonly<Record<string, string | undefined>>;
  /** none runs beside it */
  alone?: boolean;
}

interface FilesOptions {
  checkout: string;
  runtime: Runtime;
  /** Node's modules are replaced by the drop-ins, or what they do is put onto the loop by `installNet`. */
  network: 'drop-in' | 'shim';
  /** milliseconds for each */
  timeout: number;
  /** what the file says if it does not want to run here */
  skips?: RegExp;
}

/** So many run at a time. */
const atOnce = 3;

/** Runs files whose exit status says whether they have passed. */
export async function runFiles(files: readonly TestFile[], options: FilesOptions): Promise<Outcome[]> {
  const outcomes = new Map<TestFile, Outcome>();
  const take = (queue: TestFile[], lane: number) => async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      outcomes.set(file, await runFile(file, lane, options));
    }
  };
  const beside = files.filter(({ alone }) => alone !== true);
  await Promise.all(Array.from({ length: atOnce }, (_, lane) => take(beside, lane + 1)()));
  await take(
    files.filter(({ alone }) => alone === true),
    0,
  )();
  return files.flatMap((file) => outcomes.get(file) ?? []);
}

async function runFile(file: TestFile, lane: number, options: FilesOptions): Promise<Outcome> {
  const { checkout, runtime, timeout, skips, network } = options;
  const { path, args = [], env } = file;
  const ended = await runProgram(runtime, [...args, path], {
    cwd: checkout,
    // Node's tests take folders and ports of their own by it.
    env: { TEST_THREAD_ID: String(lane), TULIPA_SUITE_NETWORK: network, ...env },
    timeout,
  });
  const { status, stdout, stderr, timedOut } = ended;
  if (status !== 0) {
    const how = timedOut ? `it did not end within ${timeout} ms\n` : '';
    return { name: path, result: 'failed', words: `${how}${stdout}${stderr}` };
  }
  return { name: path, result: skips?.test(stdout) === true ? 'skipped' : 'passed' };
}

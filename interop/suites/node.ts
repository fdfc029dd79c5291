import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runFiles, type TestFile } from './files.ts';
import type { Suite } from './suite.ts';

/** Node's own tests of some of its modules: files of `test/parallel` and `test/sequential`, run as `tools/test.py` does. */
export function nodeSuite(network: 'drop-in' | 'shim', pattern: string): Suite {
  return async ({ checkout, runtime, wants }) => {
    const files = globSync(`test/{parallel,sequential}/${pattern}`, { cwd: checkout }).filter(wants).sort();
    return await runFiles(
      files.map((file) => asTestFile(checkout, file)),
      { checkout, runtime, network, timeout: 30_000, skips: /^1\.\.0 # Skipped/m },
    );
  };
}

function asTestFile(checkout: string, file: string): TestFile {
  const text = readFileSync(path.join(checkout, file), 'utf8');
  const args = /^\/\/ Flags:\s+(--.*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  return { path: file, args, alone: file.startsWith('test/sequential') };
}

import { chmodSync, globSync } from 'node:fs';
import path from 'node:path';
import { password, startPostgres, user } from '../servers.ts';
import type { Outcome } from './outcome.ts';
import { type Ended, runProgram } from './program.ts';
import type { SuiteRun } from './suite.ts';
import { withServer } from './with-server.ts';

/** `make test-unit test-integration` of pg, in `packages/pg` of its checkout, against a real PostgreSQL. */
export async function pgSuite({ checkout, runtime, wants }: SuiteRun): Promise<Outcome[]> {
  const cwd = path.join(checkout, 'packages/pg');
  chmodSync(path.join(cwd, 'test/unit/client/pgpass.file'), 0o600);
  return await withServer(
    (atEnd) => startPostgres(undefined, atEnd),
    async (server) => {
      const env = {
        PGHOST: server.host,
        PGPORT: String(server.port),
        PGUSER: user,
        PGPASSWORD: password,
        PGDATABASE: 'postgres',
      };
      const files = globSync('test/{unit,integration}/**/*-tests.js', { cwd }).filter(wants).sort();
      const outcomes: Outcome[] = [];
      for (const file of files) {
        outcomes.push(...testsIn(file, await runProgram(runtime, [file], { cwd, env, timeout: 60_000 })));
      }
      return outcomes;
    },
  );
}

/** What one file tells of its tests. The first failure ends it, which is a test more if none has failed by name. */
function testsIn(file: string, { status, stdout, stderr }: Ended): Outcome[] {
  const words = `${stdout}${stderr}`;
  const outcomes: Outcome[] = [];
  for (const [, test = '', sign] of stdout.matchAll(/^ {2}(.+?) (✔|FAILED!|\? - SKIPPED)$/gm)) {
    const name = `${file}: ${test}`;
    if (sign === 'FAILED!') outcomes.push({ name, result: 'failed', words });
    else outcomes.push({ name, result: sign === '✔' ? 'passed' : 'skipped' });
  }
  if (status === 0) return outcomes.length > 0 ? outcomes : [{ name: file, result: 'passed' }];
  return outcomes.some(({ result }) => result === 'failed')
    ? outcomes
    : [...outcomes, { name: file, result: 'failed', words }];
}

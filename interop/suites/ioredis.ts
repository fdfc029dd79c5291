import { globSync } from 'node:fs';
import { startRedis } from '../servers.ts';
import { runMocha } from './mocha.ts';
import type { Outcome } from './outcome.ts';
import type { SuiteRun } from './suite.ts';
import { withServer } from './with-server.ts';

/** Where its tests look for a Redis. */
const port = 6379;

/** `npm run test:js` of ioredis, against a real Redis. */
export async function ioredisSuite(run: SuiteRun): Promise<Outcome[]> {
  return await withServer(
    (atEnd) => startRedis({ port, password: null }, atEnd),
    () => {
      const files = globSync('test/{unit,functional}/**/*.ts', { cwd: run.checkout })
        .filter(run.wants)
        .sort();
      return runMocha(run, {
        args: [],
        files: [...globSync('test/helpers/*.ts', { cwd: run.checkout }), ...files],
        env: { TS_NODE_TRANSPILE_ONLY: 'true', NODE_ENV: 'test' },
      });
    },
  );
}

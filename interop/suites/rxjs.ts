import { globSync } from 'node:fs';
import { runMocha } from './mocha.ts';
import { fileHere } from './program.ts';
import type { SuiteRun } from './suite.ts';

/** Has type assertions in angle brackets, which Node refuses before ts-node is asked. */
const unreadable = 'spec/observables/dom/ajax-spec.ts';

/** `npm test` of RxJS, whose schedulers wait on the loop. */
export function rxjsSuite(run: SuiteRun) {
  const files = globSync('spec/**/*-spec.ts', { cwd: run.checkout })
    .filter((file) => file !== unreadable && run.wants(file))
    .sort();
  const onLoop = run.runtime === 'plain' ? [] : ['--require', fileHere('rxjs-on-loop.mjs')];
  return runMocha(run, {
    args: ['--config', 'spec/support/.mocharc.js', ...onLoop],
    files,
    env: { TS_NODE_TRANSPILE_ONLY: 'true', TS_NODE_PROJECT: 'tsconfig.json' },
  });
}

/**
 * Frameworks of TypeScript and of Python on one loop, in one process.
 *
 *     npm run demo:interop              on the loop that `run` takes, or TULIPA_LOOP names
 *     npm run demo:interop -- --epoll   on another
 *
 * Installs what is missing, and starts the demo with the flags that it needs.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { install } from '../install.ts';
import { installPythonPackages } from '../python-packages.ts';

install();
installPythonPackages();
const hook = new URL('../resolve.ts', import.meta.url).href;
const demo = path.join(import.meta.dirname, 'main.ts');
const { status } = spawnSync(
  process.execPath,
  ['--conditions=source', `--import=${hook}`, demo, ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;

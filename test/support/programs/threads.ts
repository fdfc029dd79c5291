// Jobs in threads that nobody shuts down: for test/executors/to-thread.test.ts.
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { moduleFunction, run, ThreadPoolExecutor, toThread } from 'tulipa';

const file = `../../executors/work${extname(fileURLToPath(import.meta.url))}`;
const print = moduleFunction<(text: string) => void>(new URL(file, import.meta.url), 'print');

const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
await pool.submit(print, 'printed ');
await run(() => toThread(print, 'printed '));
await pool.submit(print, 'printed ');
process.stdout.write('end\n');

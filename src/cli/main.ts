#!/usr/bin/env node
import { debugExtension } from '../debug/debug-extension.ts';
import { setLoopExtension } from '../runtime/index.ts';
import { runProgram } from './program.ts';

// Whoever reads our output may stop early, as `head` does: no reason to complain.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

setLoopExtension(debugExtension);
process.exitCode = await runProgram(process.argv.slice(2));

// Says which foreign-function interface there is, or why there is none: for ffi.test.ts.
import { writeSync } from 'node:fs';
import { ffi } from '../../src/syscalls/index.ts';

writeSync(1, JSON.stringify(answer()));

function answer(): unknown {
  try {
    return ffi().name;
  } catch (error) {
    const { name, code, feature, message } = error as Error & { code: string; feature: string };
    return { name, code, feature, message };
  }
}

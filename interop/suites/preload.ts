/**
 * Loaded before each program of a suite (`--import`): gives it a loop that runs for as long as the program has something to
 * wait for, and puts the network onto it.
 */
import { registerHooks } from 'node:module';
import { Future, getRunningLoop, run } from 'tulipa';
import { installNet } from 'tulipa/adapters/node';

const root = new URL('../../', import.meta.url).href;
const ours = [new URL('src/', root).href, new URL('interop/suites/', root).href];

/** In the place of Node's modules, for those who `import` and for those who `require` and may change what they get. */
const dropIns: Readonly<Record<string, { imported: string; required: string }>> = {
  net: dropIn('net'),
  tls: dropIn('tls'),
};

run(() => new Future<never>(), { driver: process.env['TULIPA_SUITE_DRIVER'], runner: 'guest' }).catch(
  (error) => {
    // Nothing is left to wait for: the program has ended.
    if (error.code !== 'ERR_DEADLOCK') throw error;
  },
);

// Where a listener's error ends the process, as it does over Node's own sockets.
getRunningLoop().setExceptionHandler((_loop, { message, exception }) => {
  process.nextTick(() => {
    throw exception ?? new Error(message);
  });
});

if (process.env['TULIPA_SUITE_NETWORK'] === 'drop-in') {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const found = dropIns[specifier.replace(/^node:/, '')];
      const { parentURL = '' } = context;
      if (found === undefined || ours.some((folder) => parentURL.startsWith(folder)))
        return nextResolve(specifier, context);
      const url = context.conditions.includes('require') ? found.required : found.imported;
      return { url, shortCircuit: true };
    },
  });
} else {
  installNet();
}

function dropIn(name: string): { imported: string; required: string } {
  return {
    imported: new URL(`src/adapters/node/${name}.ts`, root).href,
    required: new URL(`interop/suites/${name}.cjs`, root).href,
  };
}

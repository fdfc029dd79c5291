// Has the RxJS of the checkout wait on the loop. `installLoop` imports RxJS, and is to have the copy that its specs have:
// sources that ts-node compiles, and not the one that is installed here.
import { createRequire, registerHooks } from 'node:module';

const spec = `${process.cwd()}/spec/index-spec.ts`;
const inCheckout = createRequire(spec);
// What the checkout's mocha loads first.
for (const name of ['ts-node/register', './support/mocha-path-mappings.js']) inCheckout(name);

const adapter = new URL('../../src/adapters/rxjs/install-loop.ts', import.meta.url).href;
const prefix = 'checkout:';

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (context.parentURL !== adapter || !specifier.startsWith('rxjs'))
      return nextResolve(specifier, context);
    return { url: prefix + specifier, format: 'module', shortCircuit: true };
  },
  load(url, context, nextLoad) {
    if (!url.startsWith(prefix)) return nextLoad(url, context);
    const specifier = JSON.stringify(url.slice(prefix.length));
    const names = Object.keys(inCheckout(url.slice(prefix.length)));
    const source = `
      import { createRequire } from 'node:module';
      const { ${names.join(', ')} } = createRequire(${JSON.stringify(spec)})(${specifier});
      export { ${names.join(', ')} };`;
    return { format: 'module', source, shortCircuit: true };
  },
});

const { installLoop } = await import(adapter);
installLoop();

/**
 * Loaded before the tests (`--import`). Neither the library nor the frameworks are where Node would look for them: the
 * adapters are part of the library and import frameworks that only this folder installs, and the library cannot be
 * installed here, where Node would not run its sources.
 */
import { registerHooks } from 'node:module';

const root = new URL('../package.json', import.meta.url).href;
const here = new URL('./package.json', import.meta.url).href;
const adapters = new URL('../src/adapters/', import.meta.url).href;
const effect3 = new URL('effect3/', adapters).href;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const { parentURL = here } = context;
    if (/^tulipa(\/|$)/.test(specifier)) return nextResolve(specifier, { ...context, parentURL: root });
    if (!parentURL.startsWith(adapters) || /^(\.|node:|[a-z]+:\/\/)/.test(specifier))
      return nextResolve(specifier, context);
    const name = parentURL.startsWith(effect3) ? specifier.replace(/^effect(?=\/|$)/, 'effect3') : specifier;
    return nextResolve(name, { ...context, parentURL: here });
  },
});

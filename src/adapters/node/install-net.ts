import { syncBuiltinESMExports } from 'node:module';
import { type EventLoop, StateError } from '../../interface/index.ts';
import { runningLoop } from '../../loop/index.ts';
import { replaceNetwork } from './globals-network.ts';
import { clearGlobalsNetwork, type GlobalsNetwork, setGlobalsNetwork } from './globals-network-loop.ts';
import { Replacements } from './replacements.ts';
import { type Uninstall, uninstallBy } from './uninstall.ts';

/**
 * Puts Node's network onto a loop, for packages that leave no other way in: `connect`, `createConnection` and `Socket` of
 * `node:net`, `listen` of its servers, `tls.connect`, `dns.lookup`, and so what stands on them, `node:http` and `fetch` among
 * it. Connections are `StreamSocket`s; those of a class that extends `net.Socket` stay of that class.
 *
 * What is open already stays where it is, on Node's own network. A package that keeps `tls.connect` or `dns.lookup` for itself
 * when it is loaded has to be loaded after this.
 *
 * @param loop where to; unless given, the one that runs when something is opened, and Node's own network where none does
 * @returns what puts everything back; may be called more than once, and before or after what removes other shims. Connections
 *   and servers that are open then go on, on the loop; a server that was closed listens on Node's own network
 * @throws {TypeError} it is no loop
 * @throws {StateError} it was done before, or is a simulation's of programs (`ERR_GLOBALS_REPLACED`)
 */
export function installNet(loop?: EventLoop): Uninstall {
  if (loop !== undefined && typeof loop?.createConnection !== 'function')
    throw new TypeError('Cannot install the network: there is no event loop to put it onto');
  const network: GlobalsNetwork = {
    loopToOpenOn: () => {
      if (loop?.isClosed())
        throw new StateError('ERR_LOOP_CLOSED', 'Cannot use the network: its event loop is closed');
      return loop ?? runningLoop();
    },
    loopHere: () => loop ?? runningLoop(),
  };
  setGlobalsNetwork(network);
  const replacements = new Replacements();
  const uninstall = uninstallBy(() => {
    clearGlobalsNetwork(network);
    try {
      replacements.withdraw();
    } finally {
      syncBuiltinESMExports();
    }
  });
  try {
    replaceNetwork(replacements);
    // For who imports single functions of Node's modules.
    syncBuiltinESMExports();
  } catch (error) {
    // Somebody has frozen what was to be replaced.
    uninstall();
    throw error;
  }
  return uninstall;
}

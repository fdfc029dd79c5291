/**
 * Runs modules of Twisted's own tests by its own runner, trial, in Python on a loop of ours:
 *
 *     node --conditions=source --import=./interop/resolve.ts interop/suites/trial.ts MODULE…
 *
 * Tests that are made for each reactor are run with ours alone. They want hamcrest, which Debian has as python3-hamcrest.
 */
import { newEventLoop } from 'tulipa';
import { installPyodide } from 'tulipa/adapters/pyodide';
import { python } from '../python.ts';

const { pyodide, globals } = await python();
const loop = newEventLoop({ driver: 'epoll' });
installPyodide(pyodide, { loop });
globals.set('names', pyodide.toPy(process.argv.slice(2)));
// Where a loop may block: outside of promise reactions.
setImmediate(() => {
  const passed = pyodide.runPython(`
import sys, types
others = [path for path in sys.path if path == "/packages/1"]
sys.path[:] = [path for path in sys.path if path not in others]
import zope.interface
sys.path[:] += others
from tulipa import twisted_reactor
twisted_reactor.install()
# It looks for addresses of the machine in its C library.
interfaces = types.ModuleType("twisted.internet.test._posixifaces")
interfaces.posixGetLinkLocalIPv6Addresses = lambda: []
sys.modules[interfaces.__name__] = interfaces
from twisted.internet.test.reactormixins import ReactorBuilder
ReactorBuilder._reactors = ["tulipa.twisted_reactor.Reactor"]
ReactorBuilder.getTimeout = lambda self: 10
from twisted.trial.reporter import TextReporter
from twisted.trial.runner import TestLoader, TrialRunner
suite = TestLoader().loadByNames(names, True)
TrialRunner(TextReporter, stream=sys.stdout, workingDirectory="/tmp/trial").run(suite).wasSuccessful()
`);
  process.exit(passed === true ? 0 : 1);
});

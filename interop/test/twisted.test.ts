import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it as itself } from 'node:test';
import { newEventLoop } from 'tulipa';
import { serve } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { installPyodide, type Python } from 'tulipa/adapters/pyodide';
import { row } from '../cells.ts';
import { python } from '../python.ts';
import { withoutPythonPackages } from '../python-packages.ts';

const { pyodide, globals } = await python();
const without = withoutPythonPackages();
const absent = without.node !== undefined;

if (!absent)
  pyodide.runPython(`
import asyncio, sys
# A whole package zope is found before parts of one, wherever it is.
sys.path[:] = [path for path in sys.path if path != "/packages/1"]
import twisted.internet
from twisted.internet import error, interfaces
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

def fresh():
    "A reactor of the present loop, as the one of the process."
    from tulipa import twisted_reactor
    sys.modules.pop("twisted.internet.reactor", None)
    vars(twisted.internet).pop("reactor", None)
    return twisted_reactor.install()

def wait(deferred):
    return deferred.asFuture(asyncio.get_running_loop())

async def listen(reactor, protocol, **attributes):
    factory = Factory.forProtocol(protocol)
    vars(factory).update(attributes)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    await wait(port.whenListening())
    return port

async def connect(reactor, port, protocol):
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    return await wait(connectProtocol(endpoint, protocol))

class Ending(Protocol):
    "Collects what comes, and how it ends."
    def __init__(self):
        self.data = b""
        self.lost = Deferred()
    def dataReceived(self, data):
        self.data += data
    def connectionLost(self, reason):
        self.lost.callback(reason.type.__name__)

class Shout(LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line.upper())
`);

/** What `code` ends with, which has a reactor that runs. */
async function inPython<T>(code: string, before?: (python: Python) => void): Promise<T> {
  const installed = installPyodide(pyodide);
  try {
    before?.(installed);
    const result = await installed.run<T>(`reactor = fresh()\nreactor.startRunning()\n${code}`);
    return result;
  } finally {
    await installed.close();
  }
}

row('twisted', { without }, (it) => {
  it('echoes lines to several clients, and tells who is there and how it ends', async () => {
    await inPython(`
class Client(LineReceiver):
    def __init__(self):
        self.lines, self.enough, self.lost = [], Deferred(), Deferred()
    def lineReceived(self, line):
        self.lines.append(line)
        if len(self.lines) == 3:
            self.enough.callback(self.lines)
    def connectionLost(self, reason):
        self.lost.callback(reason.type.__name__)

port = await listen(reactor, Shout)
clients = [await connect(reactor, port, Client()) for _ in range(3)]
for client in clients:
    client.transport.write(b"a\\r\\nb")
    client.transport.writeSequence([b"c\\r", b"\\n", b"d\\r\\n"])
for client in clients:
    assert await wait(client.enough) == [b"A", b"BC", b"D"]
    assert client.transport.getPeer() == port.getHost()
    assert client.transport.getHost().host == "127.0.0.1"
    assert interfaces.ITCPTransport.providedBy(client.transport)
    client.transport.loseConnection()
    assert await wait(client.lost) == "ConnectionDone"
number = port.getHost().port
await wait(port.stopListening())
try:
    await wait(connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", number), Client()))
except error.ConnectionRefusedError:
    pass
else:
    raise AssertionError("not refused")
`);
  });

  it('half-closes, aborts, and writes what it was told before it closes', async () => {
    await inPython(`
@implementer(interfaces.IHalfCloseableProtocol)
class Answering(Ending):
    def readConnectionLost(self):
        self.transport.write(b"all: " + self.data)
        self.transport.loseConnection()
    def writeConnectionLost(self):
        pass

@implementer(interfaces.IHalfCloseableProtocol)
class Asking(Ending):
    def writeConnectionLost(self):
        self.half = True
    def readConnectionLost(self):
        self.transport.loseConnection()

port = await listen(reactor, Answering)
client = await connect(reactor, port, Asking())
client.transport.write(b"x" * 1_000_000)
client.transport.loseWriteConnection()
assert await wait(client.lost) == "ConnectionDone"
assert client.half and client.data == b"all: " + b"x" * 1_000_000
await wait(port.stopListening())

accepted = []
class Accepted(Ending):
    def connectionMade(self):
        accepted.append(self)
port = await listen(reactor, Accepted)
client = await connect(reactor, port, Ending())
client.transport.write(b"y" * 300_000)
client.transport.loseConnection()
assert await wait(client.lost) == "ConnectionDone"
assert await wait(accepted[0].lost) == "ConnectionDone"
assert accepted[0].data == b"y" * 300_000
client = await connect(reactor, port, Ending())
client.transport.abortConnection()
assert await wait(client.lost) == "ConnectionAborted"
assert await wait(accepted[1].lost) in ("ConnectionDone", "ConnectionLost")
await wait(port.stopListening())
`);
  });

  it('pauses producers while nobody reads, and asks those that are to be asked', async () => {
    await inPython(`
@implementer(interfaces.IPushProducer)
class Pushing(Protocol):
    "Writes as long as it may."
    def connectionMade(self):
        self.left, self.going, self.pauses, self.most = 200, True, 0, 0
        self.transport.registerProducer(self, True)
        self.push()
    def push(self):
        while self.going and self.left > 0:
            self.left -= 1
            self.transport.write(b"z" * 50_000)
            self.most = max(self.most, len(self.transport.dataBuffer) + self.transport._tempDataLen)
        if self.left == 0 and self.going:
            self.going = False
            self.transport.unregisterProducer()
            self.transport.loseConnection()
    def pauseProducing(self):
        self.pauses += 1
        self.going = False
    def resumeProducing(self):
        self.going = True
        self.push()
    def stopProducing(self):
        self.going = False

servers = []
class Kept(Pushing):
    def connectionMade(self):
        servers.append(self)
        super().connectionMade()

port = await listen(reactor, Kept)
class Reading(Ending):
    def connectionMade(self):
        self.transport.pauseProducing()
reader = await connect(reactor, port, Reading())
await wait(deferLater(reactor, 0.02))
assert servers[0].left > 0 and servers[0].pauses > 0, servers[0].left
assert reader.data == b""
reader.transport.resumeProducing()
assert await wait(reader.lost) == "ConnectionDone"
assert len(reader.data) == 10_000_000
assert servers[0].most <= 200_000, servers[0].most
await wait(port.stopListening())

@implementer(interfaces.IPullProducer)
class Pulled(Protocol):
    def connectionMade(self):
        self.left = 50
        self.transport.registerProducer(self, False)
    def resumeProducing(self):
        if self.left == 0:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            return
        self.left -= 1
        self.transport.write(b"w" * 10_000)
    def stopProducing(self):
        self.left = 0
port = await listen(reactor, Pulled)
reader = await connect(reactor, port, Ending())
assert await wait(reader.lost) == "ConnectionDone" and len(reader.data) == 500_000
await wait(port.stopListening())
`);
  });

  it('waits by its clock, which is the loop’s, in Deferreds, inlineCallbacks and coroutines', async () => {
    await inPython(`
seen, begun = [], reactor.seconds()
late = reactor.callLater(0.03, seen.append, "late")
never = reactor.callLater(0.001, seen.append, "never")
sooner = reactor.callLater(3600, seen.append, "sooner")
never.cancel()
sooner.reset(0.002)
late.delay(0.002)
assert len(reactor.getDelayedCalls()) == 2

@inlineCallbacks
def both():
    first = yield deferLater(reactor, 0.004, lambda: "first")
    second = yield Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.004, "second")))
    try:
        yield deferLater(reactor, 0, lambda: 1 / 0)
    except ZeroDivisionError:
        return [first, second]

assert await wait(both()) == ["first", "second"]
assert seen == ["sooner"], seen
assert reactor.seconds() - begun >= 0.0079
ticks = []
call = LoopingCall(lambda: len(ticks) == 2 and call.stop() or ticks.append(0))
call.clock = reactor
await wait(call.start(0.001))
assert len(ticks) == 3
waiting = wait(Deferred(lambda deferred: seen.append("cancelled")))
asyncio.get_running_loop().call_later(0.001, waiting.cancel)
try:
    await waiting
except asyncio.CancelledError:
    pass
assert seen[1] == "cancelled", seen
called = Deferred()
reactor.callFromThread(called.callback, "called")
assert await wait(called) == "called"
`);
  });

  it('serves web pages to a client of Node’s, and asks a server of Node’s', async () => {
    const installed = installPyodide(pyodide);
    const port = await installed.run<number>(`
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
reactor = fresh()
reactor.startRunning()

class Tulips(Resource):
    isLeaf = True
    def render_GET(self, request):
        if request.path == b"/large":
            return b"x" * 1_000_000
        reactor.callLater(0.002, lambda: (request.write(b"hello " + request.args[b"name"][0]), request.finish()))
        return NOT_DONE_YET
    def render_POST(self, request):
        return b"%d" % len(request.content.read())

site = reactor.listenTCP(0, Site(Tulips(), timeout=None, reactor=reactor), interface="127.0.0.1")
await wait(site.whenListening())
site.getHost().port
`);
    const agent = new HttpAgent({ keepAlive: true });
    const ask = (path: string, body?: Buffer) =>
      new Promise<string>((resolve, reject) => {
        const method = body === undefined ? 'GET' : 'POST';
        const request = http.request({ host: '127.0.0.1', port, path, agent, method }, async (response) => {
          let text = '';
          for await (const chunk of response.setEncoding('latin1')) text += chunk;
          resolve(text);
        });
        request.once('error', reject).end(body);
      });
    assert.equal(await ask('/?name=you'), 'hello you');
    assert.equal((await ask('/large')).length, 1_000_000);
    assert.equal(await ask('/', Buffer.alloc(2_000_000)), '2000000');
    agent.destroy();

    const server = http.createServer((request, response) => void response.end(`node ${request.url}`));
    await serve(server, { host: '127.0.0.1', port: 0 });
    globals.set('port', (server.address() as AddressInfo).port);
    const answer = await installed.run<string>(`
from twisted.web.client import Agent, readBody
response = await wait(Agent(reactor).request(b"GET", b"http://localhost:%d/tulips" % port))
answer = (await wait(readBody(response))).decode()
await wait(site.stopListening())
answer
`);
    assert.equal(answer, 'node /tulips');
    server.close();
    server.closeAllConnections();
    await installed.close();
  });

  it('refuses clearly what it has not', async () => {
    await inPython(`
def refused(call, *args, **options):
    try:
        call(*args, **options)
    except NotImplementedError as why:
        return str(why)
    raise AssertionError("not refused")
assert refused(reactor.connectSSL, "localhost", 1, None, None).startswith("Cannot use TLS: ")
assert refused(reactor.listenUDP, 0, None).startswith("Cannot use UDP by Twisted: ")
assert refused(reactor.callInThread, print).startswith("Cannot run in a thread: ")
assert refused(reactor.spawnProcess, None, "true").startswith("Cannot start a process: ")
assert not interfaces.IReactorThreads.providedBy(reactor) and not interfaces.IReactorFDSet.providedBy(reactor)
try:
    type(reactor)().run()
except RuntimeError as why:
    assert str(why).startswith("Cannot block until the reactor is stopped: its loop runs already")
else:
    raise AssertionError("it ran")
port = await listen(reactor, Ending)
try:
    await wait(reactor.listenTCP(port.getHost().port, Factory.forProtocol(Ending), interface="127.0.0.1").whenListening())
except error.CannotListenError as why:
    assert "in use" in str(why).lower(), why
else:
    raise AssertionError("it listens")
client = await connect(reactor, port, Ending())
try:
    client.transport.write("text")
except TypeError:
    pass
else:
    raise AssertionError("it was written")
try:
    await wait(HostnameEndpoint(reactor, "nowhere.invalid", 80).connect(Factory.forProtocol(Ending)))
except error.DNSLookupError:
    pass
else:
    raise AssertionError("it has an address")
`);
  });
});

describe('the reactor of twisted', { skip: absent ? (without.node as string) : false }, () => {
  itself('blocks in run until it is stopped, and listens before it does', () => {
    const loop = newEventLoop({ driver: 'epoll' });
    const installed = installPyodide(pyodide, { loop });
    const said = pyodide.runPython(`
reactor = fresh()
said = []
port = reactor.listenTCP(0, Factory.forProtocol(Shout), interface="127.0.0.1")
class Client(LineReceiver):
    def connectionMade(self):
        self.sendLine(b"hello")
    def lineReceived(self, line):
        said.append(line.decode())
        reactor.stop()
reactor.addSystemEventTrigger("before", "shutdown", port.stopListening)
reactor.callWhenRunning(said.append, "runs")
reactor.addSystemEventTrigger("after", "shutdown", said.append, "stopped")
connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Client())
reactor.run()
" ".join(said)
`);
    assert.equal(said, 'runs HELLO stopped');
    installed.close();
    loop.close();
  });
});

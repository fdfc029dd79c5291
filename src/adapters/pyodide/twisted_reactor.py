"""A Twisted reactor on asyncio's connections and timers.

Twisted's own `asyncioreactor` asks the loop for `add_reader`, and reads and writes sockets by itself. Here Python has no
sockets: connections are transports of the loop. So what Twisted is given is a `Stream`, which behaves as a non-blocking
socket does and is the protocol of a transport; `twisted.internet.tcp` stays what reads, writes, half-closes and aborts.

    from tulipa import twisted_reactor
    reactor = twisted_reactor.install()
    reactor.startRunning()  # where the loop is turned by JavaScript; `reactor.run()` where Python owns the thread
"""

import asyncio
import errno
import os
import signal
import socket
import struct
from asyncio import events
from collections import deque

from twisted.internet import abstract, address, error, tcp
from twisted.internet._resolver import HostResolution
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableDescriptor,
    IHostnameResolver,
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorPluggableResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
)
from twisted.logger import Logger
from twisted.python import log
from twisted.python.failure import Failure
from twisted.python.log import callWithLogger
from zope.interface import implementer, implementer_only

_log = Logger()


def install(loop=None):
    """Makes it the reactor that `from twisted.internet import reactor` gives.

    `loop` is the current one unless given. Raises ReactorAlreadyInstalledError if there is a reactor.
    """
    from twisted.internet.main import installReactor

    reactor = Reactor(loop)
    installReactor(reactor)
    return reactor


class _Watched:
    """What Twisted waits for by `addReader` and `addWriter`, here called when it happens."""

    reader = None
    writer = None
    _reading = False
    _asked_to_write = False

    def __init__(self, reactor):
        self._reactor = reactor
        self._loop = reactor._loop

    def has_input(self):
        return False

    def takes_output(self):
        return False

    def start_reading(self, selectable):
        self.reader = selectable
        if self.has_input():
            # Never from inside the call.
            self._loop.call_soon(self.read)

    def start_writing(self, selectable):
        self.writer = selectable
        self._ask_to_write()

    def read(self):
        if self._reading:
            return
        self._reading = True
        try:
            while self.reader is not None and self.has_input():
                self._reactor._tell(self.reader, True)
        finally:
            self._reading = False

    def _ask_to_write(self):
        # What a turn writes goes out together.
        if not self._asked_to_write and self.writer is not None and self.takes_output():
            self._asked_to_write = True
            self._loop.call_soon(self._write)

    def _write(self):
        self._asked_to_write = False
        if self.writer is not None and self.takes_output():
            self._reactor._tell(self.writer, False)
            self._ask_to_write()


class Stream(_Watched, asyncio.Protocol):
    """A non-blocking stream socket, as far as `twisted.internet.tcp` uses one."""

    def __init__(self, reactor, listening=None):
        super().__init__(reactor)
        self._listening = listening
        self._transport = None
        self._opening = None
        self._bound = None
        self._chunks = deque()
        self._ended = False
        self._failure = None
        self._blocked = False
        self._paused = False
        self._shut = False
        self._resets = False
        self._closed = False

    # What the transport tells.

    def connection_made(self, transport):
        self._transport = transport
        if self._closed:
            transport.abort()
            return
        # What the transport cannot pass on at once is Twisted's to keep, whose producers wait for it.
        transport.set_write_buffer_limits(high=0)
        if self._listening is not None:
            self._listening.arrived(self)
        elif self.writer is not None:
            self._reactor._tell(self.writer, False)

    def data_received(self, data):
        self._chunks.append(data)
        self.read()
        if self._chunks and not self._paused and not self._closed:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self):
        self._ended = True
        self.read()
        return True

    def pause_writing(self):
        self._blocked = True

    def resume_writing(self):
        self._blocked = False
        self._ask_to_write()

    def connection_lost(self, exc):
        self._ended = True
        if exc is not None:
            self._failure = getattr(exc, "errno", None) or errno.ECONNRESET
        if self._closed:
            return
        self.read()
        self._ask_to_write()

    # What Twisted waits for.

    def has_input(self):
        return not self._closed and (bool(self._chunks) or self._ended or self._failure is not None)

    def takes_output(self):
        if self._closed or (self._transport is None and self._failure is None):
            return False
        return not self._blocked or self._ended or self._failure is not None

    def start_reading(self, selectable):
        super().start_reading(selectable)
        if self._paused and not self._closed:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # What Twisted calls.

    def setblocking(self, blocking):
        pass

    def fileno(self):
        """None: the descriptor, if there is one, is the transport's."""
        return -1

    def recv(self, size):
        if self._chunks:
            chunk = self._chunks.popleft()
            if len(chunk) > size:
                self._chunks.appendleft(chunk[size:])
                chunk = chunk[:size]
            return bytes(chunk)
        if self._failure is not None:
            raise OSError(self._failure, os.strerror(self._failure))
        if self._ended:
            return b""
        raise BlockingIOError(errno.EWOULDBLOCK, "Cannot read: nothing has arrived")

    def send(self, data):
        if self._failure is not None:
            raise OSError(self._failure, os.strerror(self._failure))
        if self._shut or self._transport.is_closing():
            raise BrokenPipeError(errno.EPIPE, "Cannot write: the connection is closed")
        if self._blocked:
            raise BlockingIOError(errno.EWOULDBLOCK, "Cannot write: what was written is still on its way")
        if len(data) > 0:
            self._transport.write(data)
        return len(data)

    def bind(self, place):
        self._bound = place[:2]

    def connect_ex(self, place):
        if self._transport is not None:
            return errno.EISCONN
        if self._opening is None:
            self._opening = self._loop.create_task(self._connect(place))
            self._opening.add_done_callback(self._opened)
            return errno.EINPROGRESS
        return errno.EALREADY

    def _connect(self, place):
        if isinstance(place, str):
            return self._loop.create_unix_connection(lambda: self, place)
        return self._loop.create_connection(lambda: self, place[0], place[1], local_addr=self._bound)

    def _opened(self, opening):
        if opening.cancelled() or opening.exception() is None:
            return
        self._failure = getattr(opening.exception(), "errno", None) or errno.ECONNREFUSED
        if self.writer is not None and not self._closed:
            self._reactor._tell(self.writer, False)

    def shutdown(self, how):
        if how != socket.SHUT_WR:
            return
        self._shut = True
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self):
        if self._closed:
            return
        self._closed = True
        self._chunks.clear()
        if self._transport is None:
            if self._opening is not None:
                self._opening.cancel()
        elif self._resets:
            self._transport.abort()
        else:
            self._transport.close()

    def getsockname(self):
        name = None if self._transport is None else self._transport.get_extra_info("sockname")
        if name is None:
            if self._bound is None:
                raise OSError(errno.ENOTCONN, "Cannot tell the address: it is not connected")
            return self._bound
        return name

    def getpeername(self):
        name = None if self._transport is None else self._transport.get_extra_info("peername")
        if name is None:
            raise OSError(errno.ENOTCONN, "Cannot tell the peer: there is none")
        return name

    def getsockopt(self, level, option, *rest):
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            failure = self._failure
            return 0 if failure is None else failure
        return self._real().getsockopt(level, option, *rest)

    def setsockopt(self, level, option, value):
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self._resets = tuple(struct.unpack("ii", value)) == (1, 0)
        self._real().setsockopt(level, option, value)

    def _real(self):
        real = None if self._transport is None else self._transport.get_extra_info("socket")
        if real is None:
            raise OSError(errno.ENOTCONN, "Cannot set or tell a socket option: it is not connected")
        return real


class Listening(_Watched):
    """A listening socket, as far as `twisted.internet.tcp` uses one."""

    def __init__(self, reactor):
        super().__init__(reactor)
        self._arrived = deque()
        self._closed = False
        self.server = None

    def factory(self):
        return Stream(self._reactor, self)

    def arrived(self, stream):
        if self._closed:
            stream.close()
            return
        self._arrived.append(stream)
        self.read()

    def has_input(self):
        return bool(self._arrived)

    def accept(self):
        return self._arrived.popleft()

    def shutdown(self, how):
        pass

    def close(self):
        self._closed = True
        if self.server is not None:
            self.server.close()
        while self._arrived:
            self._arrived.popleft().close()

    def fileno(self):
        return -1

    def getsockname(self):
        if self.server is None:
            raise RuntimeError(
                "Cannot tell the address: the loop runs already, and the port is being opened; wait for whenListening()"
            )
        return self.server.sockets[0].getsockname()


class _Accepted(tcp.Server):
    def getHost(self):
        return self._addressType("TCP", *_named(self.socket.getsockname()))


class Port(tcp.Port):
    """A port that listens: at once where the driver of the loop can, as the readiness drivers do, or where Python may block
    until it does; else some turns later, and `whenListening` tells."""

    transport = _Accepted

    def startListening(self):
        self._waiters = []
        self._failure = None
        self.socket = Listening(self.reactor)
        try:
            server = self._open_now(self.socket)
        except OSError as failure:
            raise self._cannot(failure) from failure
        if server is not None:
            self._opened(server)
            return
        opening = self._open(self.socket)
        if self.reactor._blockable():
            self._opened(self.reactor._loop.run_until_complete(opening))
        else:
            self.reactor._loop.create_task(opening).add_done_callback(self._opened_later)
            self._started()

    def _host(self):
        return self.interface or ("::" if self.addressFamily == socket.AF_INET6 else "0.0.0.0")

    def _open_now(self, listening):
        serve_now = getattr(self.reactor._loop, "_serve_now", None)
        if serve_now is None or not abstract.isIPAddress(self._host()) and not abstract.isIPv6Address(self._host()):
            return None
        return serve_now(listening.factory, self._host(), self.port, self.backlog)

    def _opening(self, listening):
        return self.reactor._loop.create_server(listening.factory, self._host(), self.port, backlog=self.backlog)

    async def _open(self, listening):
        try:
            return await self._opening(listening)
        except OSError as failure:
            raise self._cannot(failure) from failure

    def _cannot(self, failure):
        if isinstance(failure, error.CannotListenError):
            return failure
        return error.CannotListenError(self.interface, self.port, failure)

    def _opened(self, server):
        self.socket.server = server
        self._realPortNumber = self._number()
        self._started()

    def _started(self):
        log.msg(f"{self._getLogPrefix(self.factory)} starting on {self._where()}")
        self.factory.doStart()
        self.connected = True
        self.fileno = self.socket.fileno
        self.startReading()

    def _opened_later(self, task):
        if task.cancelled():
            failure = Failure(error.CannotListenError(self.interface, self.port, "the loop was closed"))
        elif task.exception() is not None:
            failure = Failure(self._cannot(task.exception()))
        elif not self.connected:
            task.result().close()
            failure = Failure(error.CannotListenError(self.interface, self.port, "it was told to stop"))
        else:
            self.socket.server = task.result()
            self._realPortNumber = self._number()
            self._answer(None)
            return
        if self.connected:
            if not self._waiters:
                _log.failure("Cannot listen", failure)
            self.connectionLost(failure)
        self._answer(failure)

    def whenListening(self):
        """A Deferred of the port itself, once it listens; it fails with CannotListenError."""
        waiter = Deferred()
        if self._failure is not None:
            waiter.errback(self._failure)
        elif self._realPortNumber is not None:
            waiter.callback(self)
        else:
            self._waiters.append(waiter)
        return waiter

    def _answer(self, failure):
        self._failure = failure
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if failure is None:
                waiter.callback(self)
            else:
                waiter.errback(failure)

    def _number(self):
        return self.socket.getsockname()[1]

    def _where(self):
        return self.port if self._realPortNumber is None else self._realPortNumber

    def doRead(self):
        while self.connected and self.socket.has_input():
            stream = self.socket.accept()
            try:
                self._accept(stream)
            except BaseException:
                _log.failure("Cannot accept a connection")
                stream.close()

    def _accept(self, stream):
        peer = _named(stream.getpeername())
        protocol = self.factory.buildProtocol(self._buildAddr(peer))
        if protocol is None:
            stream.close()
            return
        number = self.sessionno
        self.sessionno = number + 1
        protocol.makeConnection(self.transport(stream, protocol, peer, self, number, self.reactor))

    def getHost(self):
        return self._addressType("TCP", *_named(self.socket.getsockname()))


class _Client(tcp.Client):
    def __init__(self, host, port, bindAddress, connector, reactor):
        self.connector = connector
        self._requiresResolution = False
        self.addr = (host, port)
        if abstract.isIPv6Address(host):
            # The C library of WebAssembly does not know these.
            self.addr = (host, port, 0, 0)
            self.addressFamily = socket.AF_INET6
            self._addressType = address.IPv6Address
        elif not abstract.isIPAddress(host):
            self._requiresResolution = True
        stream = Stream(reactor)
        if bindAddress is not None:
            stream.bind(bindAddress)
        self._finishInit(self.resolveAddress, stream, None, reactor)

    def _setRealAddress(self, place):
        self.realAddress = place
        self.doConnect()

    def getHost(self):
        return self._addressType("TCP", *_named(self.socket.getsockname()))


class Connector(tcp.Connector):
    def _makeTransport(self):
        return _Client(self.host, self.port, self.bindAddress, self, self.reactor)


class _UnixAccepted(_Accepted):
    _addressType = address.UNIXAddress

    def __init__(self, stream, protocol, peer, port, number, reactor):
        super().__init__(stream, protocol, (peer or "", None), port, number, reactor)

    def getHost(self):
        return address.UNIXAddress(self.socket.getsockname())

    def getPeer(self):
        return address.UNIXAddress(self.hostname or None)


class UnixPort(Port):
    transport = _UnixAccepted
    _type = "UNIX"

    def _open_now(self, listening):
        return None

    def _opening(self, listening):
        return self.reactor._loop.create_unix_server(listening.factory, self.port, backlog=self.backlog)

    def _number(self):
        return self.port

    def _accept(self, stream):
        # Who connects has no name, mostly.
        stream.getpeername = lambda: stream._transport.get_extra_info("peername") or ""
        super()._accept(stream)

    def _buildAddr(self, peer):
        return address.UNIXAddress(peer or None)

    def getHost(self):
        return address.UNIXAddress(self.port)


class _UnixClient(tcp.BaseClient):
    addressFamily = getattr(socket, "AF_UNIX", 1)

    def __init__(self, path, connector, reactor):
        self.connector = connector
        self.addr = path
        self._requiresResolution = False
        self._finishInit(self.doConnect, Stream(reactor), None, reactor)
        self.realAddress = path

    def getHost(self):
        return address.UNIXAddress(None)

    def getPeer(self):
        return address.UNIXAddress(self.addr)


class UnixConnector(tcp.Connector):
    def __init__(self, path, factory, timeout, reactor):
        super().__init__(None if path is None else os.fsdecode(path), 0, factory, timeout, None, reactor)

    def _makeTransport(self):
        return _UnixClient(self.host, self, self.reactor)

    def getDestination(self):
        return address.UNIXAddress(self.host)


@implementer(IHostnameResolver)
class _Resolver:
    """Asks the loop."""

    _families = {address.IPv4Address: socket.AF_INET, address.IPv6Address: socket.AF_INET6}

    def __init__(self, loop):
        self._loop = loop

    def resolveHostName(self, receiver, hostName, portNumber=0, addressTypes=None, transportSemantics="TCP"):
        kinds = set(self._families if addressTypes is None else addressTypes)
        family = self._families[kinds.pop()] if len(kinds) == 1 else 0
        type = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}[transportSemantics]
        resolution = HostResolution(hostName)
        receiver.resolutionBegan(resolution)

        async def resolve():
            try:
                found = await self._loop.getaddrinfo(hostName, portNumber, family=family, type=type)
            except OSError:
                found = []
            for family_found, _, _, _, place in found:
                kind = address.IPv6Address if family_found == socket.AF_INET6 else address.IPv4Address
                receiver.addressResolved(kind(transportSemantics, *place))
            receiver.resolutionComplete()

        Deferred.fromFuture(self._loop.create_task(resolve())).addErrback(_resolving_failed)
        return resolution


def _resolving_failed(failure):
    _log.failure("Cannot tell the addresses of a name", failure)


class _Signals:
    """SIGINT and SIGTERM stop the reactor, by the loop."""

    def __init__(self, reactor):
        self._reactor = reactor
        self._watched = []

    def install(self):
        loop = self._reactor._loop
        for number, stop in ((signal.SIGINT, self._reactor.sigInt), (signal.SIGTERM, self._reactor.sigTerm)):
            if number == signal.SIGINT and signal.getsignal(number) not in (signal.default_int_handler, signal.SIG_DFL):
                continue
            try:
                loop.add_signal_handler(number, stop, number)
            except (NotImplementedError, RuntimeError, ValueError, OSError):
                # There are none here, or not in this thread.
                continue
            self._watched.append(number)

    def uninstall(self):
        watched, self._watched = self._watched, []
        if not self._reactor._loop.is_closed():
            for number in watched:
                self._reactor._loop.remove_signal_handler(number)


@implementer_only(
    IReactorCore,
    IReactorTime,
    IReactorTCP,
    IReactorUNIX,
    IReactorFromThreads,
    IReactorPluggableResolver,
    IReactorPluggableNameResolver,
)
class Reactor(ReactorBase):
    """It is turned when its loop is: what was begun goes on without `run`, which only waits for `stop`.

    There are no threads, no processes, no UDP and no TLS of Twisted's; who asks for them is told so.
    """

    def __init__(self, loop=None):
        self._loop = loop if loop is not None else _current_loop()
        self.seconds = self._loop.time
        self._readers = {}
        self._writers = {}
        self._timer = None
        self._due = None
        self._blocking = False
        super().__init__()
        self.installNameResolver(_Resolver(self._loop))

    # Running.

    def run(self, installSignalHandlers=True):
        """Waits for `stop`. Where the loop runs already, `startRunning` is enough."""
        if self._loop.is_running() and not (self._started or self._startedBefore):
            raise RuntimeError(
                "Cannot block until the reactor is stopped: its loop runs already; call startRunning()"
            )
        self.startRunning(installSignalHandlers)
        self._blocking = True
        try:
            if self._started:
                self._loop.run_forever()
        except BaseException:
            if self._started:
                self.crash()
            raise
        finally:
            self._blocking = False
            self._signals.uninstall()

    def startRunning(self, installSignalHandlers=False):
        super().startRunning(installSignalHandlers=installSignalHandlers)
        self._rearm()

    def _signalsFactory(self):
        return _Signals(self)

    def stop(self):
        super().stop()
        self.wakeUp()

    def crash(self):
        super().crash()
        if self._blocking:
            self._loop.stop()
        else:
            self._signals.uninstall()

    def iterate(self, delay=0.0):
        """Turns the loop for `delay` seconds, where it does not run already."""
        self.runUntilCurrent()
        self._loop.call_later(delay, self._loop.stop)
        self._loop.run_forever()

    def mainLoop(self):
        self._loop.run_forever()

    def _blockable(self):
        """Whether Python may wait here and now until the loop has done something."""
        if self._loop.is_running() or events._get_running_loop() is not None:
            return False
        port = getattr(self._loop, "_port", None)
        if port is None or not port.running():
            return True
        from .event_loop import can_run_sync

        return can_run_sync()

    # Time.

    def callLater(self, delay, callable, *args, **kw):
        call = super().callLater(delay, callable, *args, **kw)
        self._arm(call.getTime())
        return call

    def _moveCallLaterSooner(self, call):
        super()._moveCallLaterSooner(call)
        self._arm(call.getTime())

    def _arm(self, when):
        if self._due is not None and self._due <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_at(when, self._turn)

    def _turn(self):
        self._timer = self._due = None
        self.runUntilCurrent()
        self._rearm()

    def _rearm(self):
        if self.threadCallQueue or self._justStopped:
            self._arm(self.seconds())
        delay = self.timeout()
        if delay is not None:
            self._arm(self.seconds() + delay)

    # Threads: others may call in, and none are started.

    def installWaker(self):
        pass

    def _initThreads(self):
        pass

    def wakeUp(self):
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self):
        self._arm(self.seconds())

    def callFromThread(self, f, *args, **kwargs):
        self.threadCallQueue.append((f, args, kwargs))
        self.wakeUp()

    def _no_threads(self, *args, **kwargs):
        raise NotImplementedError("Cannot run in a thread: the loop has one; await what it can wait for")

    callInThread = getThreadPool = suggestThreadPoolSize = _no_threads

    # Readiness.

    def _tell(self, selectable, reads):
        callWithLogger(selectable, self._read_or_write, selectable, reads)

    def _read_or_write(self, selectable, reads):
        try:
            why = selectable.doRead() if reads else selectable.doWrite()
        except BaseException as failure:
            _log.failure("Unhandled exception in a protocol")
            why = failure
            if not isinstance(failure, Exception):
                raise
        if why:
            self._disconnect(selectable, why, reads)

    def _disconnect(self, selectable, why, reads):
        self.removeReader(selectable)
        reason = Failure(why)
        if reads and isinstance(why, error.ConnectionDone) and IHalfCloseableDescriptor.providedBy(selectable):
            selectable.readConnectionLost(reason)
        else:
            self.removeWriter(selectable)
            selectable.connectionLost(reason)

    def addReader(self, selectable):
        if selectable not in self._readers:
            self._readers[selectable] = watched = _watched(selectable)
            watched.start_reading(selectable)

    def addWriter(self, selectable):
        if selectable not in self._writers:
            self._writers[selectable] = watched = _watched(selectable)
            watched.start_writing(selectable)

    def removeReader(self, selectable):
        watched = self._readers.pop(selectable, None)
        if watched is not None:
            watched.reader = None

    def removeWriter(self, selectable):
        watched = self._writers.pop(selectable, None)
        if watched is not None:
            watched.writer = None

    def removeAll(self):
        selectables = list({**self._readers, **self._writers})
        for selectable in selectables:
            self.removeReader(selectable)
            self.removeWriter(selectable)
        return selectables

    def getReaders(self):
        return list(self._readers)

    def getWriters(self):
        return list(self._writers)

    # Connections.

    def listenTCP(self, port, factory, backlog=50, interface=""):
        listening = Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(self, host, port, factory, timeout=30, bindAddress=None):
        connector = Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def listenUNIX(self, address, factory, backlog=50, mode=0o666, wantPID=0):
        if mode != 0o666:
            raise NotImplementedError("Cannot set the mode of the socket: the files are JavaScript's")
        if wantPID:
            raise NotImplementedError("Cannot keep a lock file beside the socket: the files are JavaScript's")
        listening = UnixPort(os.fsdecode(address), factory, backlog, "", self)
        listening.startListening()
        return listening

    def connectUNIX(self, address, factory, timeout=30, checkPID=0):
        if checkPID:
            raise NotImplementedError("Cannot look at a lock file beside the socket: the files are JavaScript's")
        connector = UnixConnector(address, factory, timeout, self)
        connector.connect()
        return connector

    def _no_tls(self, *args, **kwargs):
        raise NotImplementedError("Cannot use TLS: pyOpenSSL is not here; let JavaScript speak it, as a proxy")

    listenSSL = connectSSL = _no_tls

    def _no_datagrams(self, *args, **kwargs):
        raise NotImplementedError("Cannot use UDP by Twisted: use create_datagram_endpoint of the loop")

    listenUDP = listenMulticast = listenUNIXDatagram = connectUNIXDatagram = _no_datagrams

    def spawnProcess(self, *args, **kwargs):
        raise NotImplementedError("Cannot start a process: Python has none here; use JavaScript's")


def _current_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.get_event_loop_policy().get_event_loop()


def _watched(selectable):
    watched = getattr(selectable, "socket", None)
    if isinstance(watched, _Watched):
        return watched
    raise NotImplementedError(f"Cannot wait for {selectable!r}: the reactor knows connections, and no descriptors")


def _named(place):
    """With the name of its link in the host, as Twisted has it."""
    if len(place) != 4 or place[3] == 0 or "%" in place[0]:
        return place
    return tcp._getrealname(place)

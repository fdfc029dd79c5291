"""The asyncio loop: its queue and its timers are asyncio's own, which turn when JavaScript says so."""

import asyncio
import contextvars
import heapq
import inspect
import itertools
import os
import signal as signals
import socket
import sys
import threading
from asyncio import events, tasks

from js import Object
from pyodide.code import eval_code_async
from pyodide.ffi import JsException, create_proxy, to_js

try:
    from pyodide.ffi import can_run_sync, run_sync
except ImportError:

    def can_run_sync():
        return False


from .addresses import AF_UNIX, family_of, family_option, python_address, wire_type
from .errors import python_error
from .futures import JsFuture
from .connected_sockets import ConnectedSocket, ConnectedSockets
from .server import Server
from .transports import Connector, DatagramConnector, Listener


# What JavaScript calls to be thrown something at.
_THROWING = ("result", "rethrow")

# Where in JavaScript a task was begun: its AsyncLocalStorage and context variables, for what it begins there itself.
_scope = contextvars.ContextVar("tulipa_scope", default=None)


class _Nothing:
    """What asyncio asks for readiness; here JavaScript knows it, and calls."""

    def select(self, timeout):
        return ()


class EventLoop(asyncio.BaseEventLoop):
    """One function of this object is all that JavaScript holds: `_tell`. It names the receiver by a number, what happened
    by a method of the receiver, and is destroyed by `close`."""

    def __init__(self, open_port):
        super().__init__()
        # Seconds times 1000 and back are not always the same: what is due by JavaScript's clock is due here.
        self._clock_resolution = 1e-6
        self._selector = _Nothing()
        self._numbers = itertools.count(1)
        self._receivers = {0: self}
        self._depth = 0
        # what JavaScript was asked for: a turn; one at a time
        self._soon = False
        self._due = None
        self._blocking = False
        self._failure = None
        self._rethrown = None
        self._signals = {}
        self._sockets = ConnectedSockets()
        self._tell_proxy = create_proxy(self._tell)
        self._port = open_port(self._tell_proxy)
        self._now = self._port.time

    # What JavaScript tells.

    def _tell(self, number, event, *args):
        receiver = self._receivers.get(number)
        if receiver is None:
            return None
        running = events._get_running_loop()
        thread = self._thread_id
        hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        self._thread_id = threading.get_ident()
        sys.set_asyncgen_hooks(self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)
        self._depth += 1
        try:
            return getattr(receiver, event)(*args)
        except (KeyboardInterrupt, SystemExit) as error:
            if not self._blocking or event in _THROWING:
                raise
            self._failure = error
            self._port.stop()
            return None
        finally:
            self._depth -= 1
            sys.set_asyncgen_hooks(*hooks)
            self._thread_id = thread
            events._set_running_loop(running)
            self._arm()

    def ready(self):
        self._soon = False
        self._turn()

    def due(self):
        self._due = None
        self._turn()

    def _turn(self):
        self._run_once()
        if self._stopping and self._blocking:
            self._port.stop()

    def start(self, number, scope, awaitable):
        if inspect.iscoroutine(awaitable):
            context = contextvars.copy_context()
            context.run(_scope.set, scope)
            future = self.create_task(awaitable, context=context)
        else:
            future = tasks.ensure_future(awaitable, loop=self)
        Told(self, number, future)

    def start_code(self, number, scope, code, namespace):
        self.start(number, scope, eval_code_async(code, namespace))

    def start_call(self, number, scope, function, *args):
        async def call():
            result = function(*args)
            return await result if inspect.isawaitable(result) else result

        self.start(number, scope, call())

    async def _end(self):
        """As asyncio.Runner ends: what is left is cancelled, and waited for."""
        mine = tasks.current_task()
        left = [task for task in tasks.all_tasks(self) if task is not mine]
        for task in left:
            task.cancel()
        await tasks.gather(*left, return_exceptions=True)
        for task in left:
            if not task.cancelled() and task.exception() is not None:
                self.call_exception_handler(
                    {"message": "Unhandled exception as the loop was closed", "exception": task.exception(), "task": task}
                )
        await self.shutdown_asyncgens()

    def end(self, number, scope):
        self.start(number, scope, self._end())

    def rethrow(self):
        error, self._rethrown = self._rethrown, None
        raise error

    # Receivers, and what is waited for.

    def _expect(self, receiver, number=None):
        if number is None:
            number = next(self._numbers)
        self._receivers[number] = receiver
        return number

    def _forget(self, number):
        self._receivers.pop(number, None)

    def _wait_for(self, method, *args):
        self._check_closed()
        return JsFuture(self, method, *args)

    def _wrap(self, source, *args):
        return self._wait_for("waitFor", _scope.get(), source, *args)

    def _perform(self, operation, *args):
        return self._wait_for("perform", operation, *args)

    def _ask(self, method, *args):
        """Calls into JavaScript; what that throws is an exception of Python's."""
        self._check_closed()
        try:
            return method(*args)
        except JsException as error:
            failure = python_error(error)
        raise failure

    # Time and turns.

    def time(self):
        return self._now() / 1000

    def _arm(self):
        if self._depth > 0 or self._closed:
            return
        if self._ready or (self._blocking and self._stopping):
            if not self._soon:
                self._ask(self._port.soon)
                self._soon = True
            return
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        due = scheduled[0]._when if scheduled else None
        if due != self._due:
            self._due = due
            self._ask(self._port.at, None if due is None else due * 1000)

    def _call_soon(self, callback, args, context):
        handle = super()._call_soon(callback, args, context)
        if self._depth == 0:
            self._arm()
        return handle

    def call_at(self, when, callback, *args, context=None):
        handle = super().call_at(when, callback, *args, context=context)
        if self._depth == 0:
            self._arm()
        return handle

    def _timer_handle_cancelled(self, handle):
        super()._timer_handle_cancelled(handle)
        if self._depth == 0:
            self._arm()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        # There is one thread. Who calls from another one of JavaScript's has to go through its loop.
        pass

    # Running: who owns the thread.

    def run_forever(self):
        self._check_closed()
        self._check_running()
        self._thread_id = threading.get_ident()
        self._blocking = True
        self._set_coroutine_origin_tracking(self._debug)
        try:
            self._arm()
            if can_run_sync() and self._port.running():
                # JavaScript goes on while this stack is set aside. Pyodide waits in a task of the current loop, which must be none
                # of those that are blocking: they end, one before the other.
                events.set_event_loop(None)
                run_sync(self._port.stopped)
            else:
                self._ask(self._port.run)
        except RuntimeError as error:
            raise RuntimeError(f"Cannot block until Python is done: {error}") from error.__cause__
        except NotImplementedError as error:
            raise RuntimeError(f"Cannot block until Python is done: {error}") from error.__cause__
        finally:
            self._blocking = False
            self._stopping = False
            self._thread_id = None
            self._set_coroutine_origin_tracking(False)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def stop(self):
        super().stop()
        self._arm()

    def close(self):
        if self._closed:
            return
        super().close()
        self._port.close()
        self._receivers.clear()
        self._port = None
        self._tell_proxy.destroy()

    def default_exception_handler(self, context):
        """Tells the exception handler of the loop of JavaScript."""
        if self._closed:
            super().default_exception_handler(context)
            return
        message = context.get("message") or "Unhandled exception in event loop"
        about = [f"{key}: {context[key]!r}" for key in sorted(context) if key not in ("message", "exception")]
        self._rethrown = context.get("exception")
        self._port.report("\n".join([message, *about]), self._rethrown is not None)
        self._rethrown = None

    # Connections.

    async def create_connection(
        self,
        protocol_factory,
        host=None,
        port=None,
        *,
        ssl=None,
        family=0,
        proto=0,
        flags=0,
        sock=None,
        local_addr=None,
        server_hostname=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        happy_eyeballs_delay=None,
        interleave=None,
        all_errors=False,
    ):
        _refuse(ssl=ssl)
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            return self._sockets.take(sock).become(protocol_factory())
        options = {
            "host": _text(host),
            "port": port,
            "family": family_option(family),
            "flags": flags or None,
            "localAddress": local_addr and {"host": local_addr[0], "port": local_addr[1]},
            # What asyncio does unless asked: one address after the other.
            "happyEyeballsDelay": happy_eyeballs_delay and happy_eyeballs_delay * 1000,
            "interleave": interleave,
            "allErrors": all_errors,
        }
        return await self._connect(protocol_factory, "connect", options, keep=("happyEyeballsDelay",))

    async def create_unix_connection(
        self,
        protocol_factory,
        path=None,
        *,
        ssl=None,
        sock=None,
        server_hostname=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
    ):
        _refuse(ssl=ssl, sock=sock)
        return await self._connect(protocol_factory, "connectUnix", {"path": _path(path)})

    async def sock_connect(self, sock, address):
        """A connection of the loop's, which `create_connection(sock=sock)` takes over. Of the socket nothing else is of use."""
        if sock.family == AF_UNIX:
            transport, waiting = await self.create_unix_connection(ConnectedSocket, address)
        else:
            transport, waiting = await self.create_connection(ConnectedSocket, *address[:2], family=sock.family)
        self._sockets.keep(sock, waiting)

    async def _connect(self, protocol_factory, operation, options, keep=()):
        connector = Connector(self, protocol_factory)
        try:
            await self._perform(operation, connector.number, _js(options, keep))
        except BaseException:
            connector.give_up()
            raise
        finally:
            self._forget(connector.number)
        return connector.outcome()

    async def create_server(
        self,
        protocol_factory,
        host=None,
        port=None,
        *,
        family=0,
        flags=0,
        sock=None,
        backlog=100,
        ssl=None,
        reuse_address=None,
        reuse_port=None,
        keep_alive=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        start_serving=True,
    ):
        _refuse(ssl=ssl, sock=sock)
        hosts = host if host is None or isinstance(host, (str, bytes)) else [_text(each) for each in host]
        options = {
            "host": hosts if isinstance(hosts, list) else _text(hosts),
            "port": port,
            "family": family_option(family),
            "flags": flags or None,
            "backlog": backlog,
            "reusePort": reuse_port,
            "keepAlive": keep_alive,
            "startServing": start_serving,
        }
        return await self._serve(protocol_factory, "serve", options)

    async def create_unix_server(
        self,
        protocol_factory,
        path=None,
        *,
        sock=None,
        backlog=100,
        ssl=None,
        ssl_handshake_timeout=None,
        ssl_shutdown_timeout=None,
        start_serving=True,
        cleanup_socket=True,
    ):
        _refuse(ssl=ssl, sock=sock)
        options = {
            "path": _path(path),
            "backlog": backlog,
            "startServing": start_serving,
            "cleanupSocket": cleanup_socket,
        }
        return await self._serve(protocol_factory, "serveUnix", options)

    async def _serve(self, protocol_factory, operation, options):
        listener = Listener(self, protocol_factory)
        try:
            server = await self._perform(operation, listener.number, _js(options))
        except BaseException:
            self._forget(listener.number)
            raise
        return Server(self, server, listener)

    def _serve_now(self, protocol_factory, host, port, backlog):
        """A server that listens already, at a literal address; None: the driver cannot."""
        listener = Listener(self, protocol_factory)
        try:
            server = self._ask(self._port.serveNow, listener.number, host, port, backlog)
        except BaseException:
            self._forget(listener.number)
            raise
        if server is None:
            self._forget(listener.number)
            return None
        return Server(self, server, listener)

    async def create_datagram_endpoint(
        self,
        protocol_factory,
        local_addr=None,
        remote_addr=None,
        *,
        family=0,
        proto=0,
        flags=0,
        reuse_port=None,
        allow_broadcast=None,
        sock=None,
    ):
        _refuse(sock=sock)
        connector = DatagramConnector(self, protocol_factory)
        options = {
            "localAddress": _endpoint(local_addr),
            "remoteAddress": _endpoint(remote_addr),
            "family": "unix" if family == AF_UNIX else family_option(family),
            "flags": flags or None,
            "reusePort": reuse_port,
            "allowBroadcast": allow_broadcast,
        }
        try:
            await self._perform("datagrams", connector.number, _js(options))
        except BaseException:
            connector.give_up()
            raise
        finally:
            self._forget(connector.number)
        return connector.outcome()

    async def start_tls(self, transport, protocol, sslcontext, **options):
        _refuse(ssl=True)

    async def sendfile(self, transport, file, offset=0, count=None, *, fallback=True):
        raise NotImplementedError("Cannot send a file: the files of Python are in a file system of its own; write its bytes")

    # Names.

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        kind = wire_type(type, proto)
        options = _js({"family": family_option(family), "type": kind, "flags": flags or None})
        port = _text(port)
        found = await self._perform("getaddrinfo", _text(host), port, options)
        return [
            (
                family_of(each.family),
                socket.SOCK_DGRAM if each.type == "datagram" else socket.SOCK_STREAM,
                socket.IPPROTO_UDP if each.type == "datagram" else socket.IPPROTO_TCP,
                getattr(each, "canonicalName", None) or "",
                python_address(each),
            )
            for each in found
        ]

    async def getnameinfo(self, sockaddr, flags=0):
        host, port, *_ = sockaddr
        address = _js({"host": host, "port": port, "family": 6 if ":" in host else 4})
        name, service = await self._perform("getnameinfo", address, flags)
        return name, service

    # Work elsewhere.

    def run_in_executor(self, executor, func, *args):
        """Python has one thread here: without an executor of yours, `func` is called in a turn of its own, and blocks."""
        self._check_closed()
        if executor is None:
            executor = self._default_executor
        if executor is not None:
            return asyncio.wrap_future(executor.submit(func, *args), loop=self)
        future = self.create_future()
        self.call_soon(_call, future, func, args)
        return future

    # Signals.

    def add_signal_handler(self, sig, callback, *args):
        number = self._signals.get(sig)
        handle = events.Handle(callback, args, self, None)
        if number is None:
            number = self._signals[sig] = self._expect(_OnSignal(handle))
            try:
                self._ask(self._port.watchSignal, signals.Signals(sig).name, number)
            except BaseException:
                self._forget(self._signals.pop(sig))
                raise
        else:
            self._receivers[number].handle = handle

    def remove_signal_handler(self, sig):
        number = self._signals.pop(sig, None)
        if number is None:
            return False
        self._forget(number)
        return bool(self._ask(self._port.unwatchSignal, signals.Signals(sig).name))

    # What needs descriptors that Python and JavaScript share.

    def _no_descriptors(self, *args, **options):
        raise NotImplementedError(
            "Cannot use a descriptor: those of Python here are of a file system of its own, and nothing that can be waited "
            "for; use streams, create_connection, create_server or create_datagram_endpoint"
        )

    add_reader = add_writer = remove_reader = remove_writer = _no_descriptors

    async def _no_sockets(self, *args, **options):
        self._no_descriptors()

    sock_recv = sock_recv_into = sock_recvfrom = sock_recvfrom_into = _no_sockets
    sock_sendall = sock_sendto = sock_accept = sock_sendfile = _no_sockets
    connect_accepted_socket = connect_read_pipe = connect_write_pipe = _no_sockets

    async def _no_processes(self, *args, **options):
        raise NotImplementedError("Cannot start a process: there are none in WebAssembly; start it in JavaScript")

    subprocess_exec = subprocess_shell = _no_processes


class Told:
    """Tells JavaScript how a future of asyncio ends."""

    def __init__(self, loop, number, future):
        self._loop = loop
        self._number = number
        self._future = future
        loop._expect(self, number)
        future.add_done_callback(self._done)

    def _done(self, future):
        loop = self._loop
        if loop._closed:
            return
        if future.cancelled():
            loop._port.cancelled(self._number, _message_of(future))
        else:
            # JavaScript calls `result`, and so gets what is thrown.
            loop._port.ended(self._number)
        loop._forget(self._number)

    def result(self):
        return self._future.result()

    def cancel(self, message=None):
        return self._future.cancel(message)


class _OnSignal:
    def __init__(self, handle):
        self.handle = handle

    def raised(self):
        self.handle._run()


def _message_of(future):
    try:
        future.result()
    except asyncio.CancelledError as error:
        return str(error) if error.args else None


def _call(future, func, args):
    if future.cancelled():
        return
    try:
        future.set_result(func(*args))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        future.set_exception(error)


def _refuse(ssl=None, sock=None):
    if ssl:
        raise NotImplementedError("Cannot use TLS: Python has no OpenSSL here; let JavaScript speak it, as a proxy")
    if sock is not None:
        raise NotImplementedError("Cannot use sock: sockets of Python do not leave WebAssembly; give an address")


def _js(options, keep=()):
    """An object of those that are set."""
    given = {name: value for name, value in options.items() if value is not None or name in keep}
    return to_js(given, dict_converter=Object.fromEntries)


def _text(name):
    return name.decode() if isinstance(name, (bytes, bytearray)) else name


def _path(path):
    if path is None:
        raise ValueError("path was not specified")
    return os.fsdecode(path)


def _endpoint(address):
    if address is None:
        return None
    if isinstance(address, (str, bytes)):
        return {"path": _path(address)}
    return {"host": address[0] or "", "port": address[1] or 0}

"""Tornado on a loop of tulipa's, whose sockets Python never sees.

    server = await listen(HTTPServer(app), 8888)
    AsyncHTTPClient.configure("tulipa.tornado.HTTPClient")
    stream = await TCPClient().connect("localhost", 8888)

What Tornado does with descriptors of its own (`listen`, `bind`, `IOStream(socket)`) is refused by the loop.
"""

import asyncio
import datetime
import itertools
import socket

from tornado import gen, tcpclient
from tornado.ioloop import IOLoop
from tornado.iostream import BaseIOStream, StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

# Beyond so many chunks that nobody has read, no more are taken from the peer.
_CHUNKS_MAX = 4


class IOStream(BaseIOStream, asyncio.Protocol):
    """Tornado's stream over a transport: `loop.create_connection(IOStream, host, port)`."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.io_loop = _Watched(self.io_loop, self)
        self.socket = None
        self._transport = None
        self._chunks = []
        self._chunk_bytes = 0
        self._ended = False
        self._paused = False
        self._soon = None

    # The transport's side.

    def connection_made(self, transport):
        self._transport = transport
        self.socket = transport.get_extra_info("socket")

    def data_received(self, data):
        self._chunks.append(data)
        self._chunk_bytes += len(data)
        if self._chunk_bytes > _CHUNKS_MAX * self.read_chunk_size:
            self._transport.pause_reading()
        self._happened(IOLoop.READ)

    def eof_received(self):
        self._ended = True
        self._happened(IOLoop.READ)
        # Who has been told all may still want an answer.
        return True

    def pause_writing(self):
        self._paused = True

    def resume_writing(self):
        self._paused = False
        self._happened(IOLoop.WRITE)

    def connection_lost(self, error):
        self._ended = True
        if error is not None and not self.closed():
            self.error = error
        if self._chunks:
            self._happened(IOLoop.READ)
        else:
            self.close()

    def _happened(self, event):
        if not self.closed() and self._state is not None and self._state & event:
            self._handle_events(None, event)

    # Tornado's side.

    def fileno(self):
        return -1

    def close_fd(self):
        self.socket = None
        if self._transport is not None:
            self._transport.close()

    def read_from_fd(self, buf):
        try:
            if not self._chunks:
                return 0 if self._ended else None
            count = min(len(buf), len(self._chunks[0]))
            buf[:count] = self._chunks[0][:count]
            if count == len(self._chunks[0]):
                del self._chunks[0]
            else:
                self._chunks[0] = memoryview(self._chunks[0])[count:]
            self._chunk_bytes -= count
            if self._chunk_bytes == 0:
                self._transport.resume_reading()
            return count
        finally:
            # As Tornado does: it resizes what this is a view of.
            del buf

    def write_to_fd(self, data):
        try:
            if self._transport is None or self._transport.is_closing():
                raise BrokenPipeError("Cannot write: the connection is gone")
            if self._paused:
                return 0
            self._transport.write(data)
            return len(data)
        finally:
            del data

    def _add_io_state(self, state):
        if self.closed():
            return
        self._state = (IOLoop.ERROR if self._state is None else self._state) | state
        self._watch(self._state)

    def _watch(self, state):
        """As a kernel that is asked: what is there already is told, in a turn of its own."""
        if self._soon is None and state & IOLoop.READ and (self._chunks or self._ended):
            self._soon = self.io_loop.asyncio_loop.call_soon(self._tell)

    def _tell(self):
        self._soon = None
        self._happened(IOLoop.READ)


class _Watched:
    """The IOLoop of a stream, which asks it to watch a descriptor."""

    def __init__(self, io_loop, stream):
        self._io_loop = io_loop
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._io_loop, name)

    def update_handler(self, fd, state):
        self._stream._watch(state)

    def remove_handler(self, fd):
        pass


class TCPClient(tcpclient.TCPClient):
    def __init__(self, resolver=None):
        # Names are the loop's.
        pass

    def close(self):
        pass

    async def connect(
        self,
        host,
        port,
        af=socket.AF_UNSPEC,
        ssl_options=None,
        max_buffer_size=None,
        source_ip=None,
        source_port=None,
        timeout=None,
    ):
        local = None if source_ip is None and source_port is None else (source_ip or "", source_port or 0)
        if isinstance(timeout, datetime.timedelta):
            timeout = timeout.total_seconds()
        try:
            async with asyncio.timeout(timeout):
                _, stream = await asyncio.get_running_loop().create_connection(
                    lambda: IOStream(max_buffer_size=max_buffer_size),
                    host,
                    port,
                    family=af,
                    local_addr=local,
                    ssl=ssl_options,
                )
        except TimeoutError as error:
            raise gen.TimeoutError(str(error)) from error
        except OSError as error:
            raise StreamClosedError(real_error=error) from error
        return stream


class HTTPClient(SimpleAsyncHTTPClient):
    """`AsyncHTTPClient.configure("tulipa.tornado.HTTPClient")`"""

    def initialize(self, *args, **options):
        super().initialize(*args, **options)
        self.tcp_client = TCPClient()


_numbers = itertools.count(1)


async def listen(server, port, address=None, *, family=socket.AF_UNSPEC, backlog=128, reuse_port=False):
    """What `server.listen` does; `server.stop()` ends it.

    Returns asyncio's server, whose `sockets` tell where it listens.
    """

    def accepted():
        return _Accepted(server, max_buffer_size=server.max_buffer_size, read_chunk_size=server.read_chunk_size)

    listening = await asyncio.get_running_loop().create_server(
        accepted, address, port, family=family, backlog=backlog, reuse_port=reuse_port
    )
    number = -next(_numbers)
    server._sockets[number] = _Listening(number)
    server._handlers[number] = listening.close
    return listening


class _Listening:
    """What a server of Tornado's stops."""

    def __init__(self, number):
        self._number = number

    def fileno(self):
        return self._number

    def close(self):
        pass


class _Accepted(IOStream):
    def __init__(self, server, **options):
        super().__init__(**options)
        self._server = server

    def connection_made(self, transport):
        super().connection_made(transport)
        server, self._server = self._server, None
        handled = server.handle_stream(self, transport.get_extra_info("peername"))
        if handled is not None:
            self.io_loop.add_future(gen.convert_yielded(handled), lambda future: future.result())

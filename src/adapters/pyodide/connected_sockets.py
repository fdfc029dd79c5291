"""Sockets of Python that `sock_connect` was called with, as newer clients do before `create_connection(sock=...)`."""

import asyncio
import contextvars
import weakref


class ConnectedSocket(asyncio.Protocol):
    """Keeps a connection as it is until somebody has a protocol for it."""

    _lost = None

    def connection_made(self, transport):
        self.transport = transport
        transport.pause_reading()

    def connection_lost(self, error):
        self._lost = (error,)

    def become(self, protocol):
        transport = self.transport
        transport.set_protocol(protocol)
        transport._context = contextvars.copy_context()
        transport._tell("connection_made", transport)
        if self._lost is None:
            transport.resume_reading()
        else:
            transport._loop.call_soon(protocol.connection_lost, *self._lost)
        return transport, protocol


class ConnectedSockets:
    def __init__(self):
        self._waiting = weakref.WeakKeyDictionary()

    def keep(self, sock, waiting):
        # Who loses a race drops its socket, and the connection with it.
        self._waiting[sock] = (waiting, weakref.finalize(sock, waiting.transport.abort))

    def take(self, sock):
        waiting, abort = self._waiting.pop(sock, (None, None))
        if waiting is None:
            raise NotImplementedError(
                "Cannot use sock: sockets of Python do not leave WebAssembly, but for those that sock_connect was called with"
            )
        abort.detach()
        return waiting

"""Transports over those of JavaScript, which have the buffers and the rules."""

import asyncio
import contextvars
import socket
from asyncio import events, protocols

from pyodide.ffi import to_js

from .addresses import SocketInfo, python_address
from .errors import python_error


class _Opening:
    """Makes the transport and its protocol once JavaScript has a connection."""

    def __init__(self, loop, factory):
        self._loop = loop
        self._factory = factory
        self._context = contextvars.copy_context()
        self.number = loop._expect(self)


class Connector(_Opening):
    """Tells by `connected` whether the connection is wanted."""

    _transport = None
    _failure = None

    def connected(self, number, js):
        try:
            protocol = self._context.run(self._factory)
        except BaseException as error:
            self._failure = error
            return False
        self._transport = self._make(number, js, protocol)
        return True

    def _make(self, number, js, protocol):
        return StreamTransport(self._loop, number, js, protocol, self._context)

    def outcome(self):
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._transport, self._transport.get_protocol()

    def give_up(self):
        if self._transport is not None:
            self._transport.abort()


class DatagramConnector(Connector):
    def _make(self, number, js, protocol):
        return DatagramTransport(self._loop, number, js, protocol, self._context)


class Listener(_Opening):
    def connected(self, number, js):
        try:
            protocol = self._context.run(self._factory)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            message = "Error on transport creation for incoming connection"
            self._loop.call_exception_handler({"message": message, "exception": error})
            return False
        StreamTransport(self._loop, number, js, protocol, self._context)
        return True


class _Transport:
    """What streams and datagrams have in common."""

    def __init__(self, loop, number, js, protocol, context):
        super().__init__()
        self._loop = loop
        self._number = number
        self._js = js
        self._context = context
        self._failure = None
        self.set_protocol(protocol)
        loop._expect(self, number)
        self._tell("connection_made", self)

    def _tell(self, method, *args):
        """Calls the protocol; what it throws is reported."""
        events.Handle(getattr(self._protocol, method), args, self._loop, self._context)._run()

    def get_extra_info(self, name, default=None):
        if name in ("sockname", "peername"):
            address = python_address(self._js.getExtraInfo(name, False))
            return default if address is None else address
        if name == "socket":
            return SocketInfo(self.get_extra_info("sockname"), self.get_extra_info("peername"), self._socket_type)
        return default

    def get_protocol(self):
        return self._protocol

    def is_closing(self):
        return self._js.isClosing()

    def close(self):
        self._js.close()

    def abort(self):
        self._js.abort()

    def get_write_buffer_size(self):
        return self._js.getWriteBufferSize()

    def get_write_buffer_limits(self):
        limits = self._js.getWriteBufferLimits()
        return limits.low, limits.high

    def set_write_buffer_limits(self, high=None, low=None):
        if high is not None and low is not None and not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._loop._ask(self._loop._port.setLimits, self._js, high, low)

    # What the port tells.

    def connection_lost(self, error):
        self._loop._forget(self._number)
        failure = python_error(error) if self._failure is None else self._failure
        self._failure = None
        self._tell("connection_lost", failure)

    # In the middle of a write, in whose context this is.

    def pause_writing(self):
        self._flow("pause_writing")

    def resume_writing(self):
        self._flow("resume_writing")

    def _flow(self, method):
        try:
            getattr(self._protocol, method)()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._report(f"protocol.{method}() failed", error)

    def _report(self, message, error):
        context = {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
        self._loop.call_exception_handler(context)

    def __repr__(self):
        state = "closing" if self.is_closing() else "open"
        return f"<{type(self).__name__} {state} peer={self.get_extra_info('peername')!r}>"


class StreamTransport(_Transport, asyncio.Transport):
    _socket_type = socket.SOCK_STREAM
    _eof_written = False

    def set_protocol(self, protocol):
        self._protocol = protocol
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def is_reading(self):
        return self._js.isReading()

    def pause_reading(self):
        self._js.pauseReading()

    def resume_reading(self):
        self._js.resumeReading()

    def write(self, data):
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if len(data) > 0:
            self._js.write(to_js(data if isinstance(data, bytes) else bytes(data)))

    def writelines(self, list_of_data):
        self.write(b"".join(list_of_data))

    def can_write_eof(self):
        return True

    def write_eof(self):
        self._eof_written = True
        self._js.writeEof()

    # What the port tells.

    def data_received(self, chunk):
        data = chunk.to_bytes()
        try:
            if self._buffered:
                self._context.run(protocols._feed_data_to_buffered_proto, self._protocol, data)
            else:
                self._context.run(self._protocol.data_received, data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._broken("Fatal error: protocol.data_received() call failed.", error)

    def eof_received(self):
        try:
            return bool(self._context.run(self._protocol.eof_received))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._broken("Fatal error: protocol.eof_received() call failed.", error)
            return False

    def _broken(self, message, error):
        self._report(message, error)
        self._failure = error
        self._js.abort()


class DatagramTransport(_Transport, asyncio.DatagramTransport):
    _socket_type = socket.SOCK_DGRAM

    def set_protocol(self, protocol):
        self._protocol = protocol

    def sendto(self, data, addr=None):
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        where = addr if addr is None or isinstance(addr, str) else to_js([addr[0], addr[1]])
        self._loop._ask(self._loop._port.sendTo, self._js, to_js(bytes(data)), where)

    # What the port tells.

    def datagram_received(self, chunk, address):
        self._tell("datagram_received", chunk.to_bytes(), python_address(address))

    def error_received(self, error):
        self._tell("error_received", python_error(error))

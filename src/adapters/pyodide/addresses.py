"""Addresses as the socket module writes them, and as JavaScript does."""

import errno
import socket


# Python has no such sockets here; the loop does.
AF_UNIX = getattr(socket, "AF_UNIX", 1)


def family_option(family):
    """4, 6 or None, for one of the socket module's."""
    if family == socket.AF_INET:
        return 4
    if family == socket.AF_INET6:
        return 6
    return None


def family_of(number):
    return socket.AF_INET6 if number == 6 else socket.AF_INET


def wire_type(type, proto):
    if type == socket.SOCK_DGRAM or proto == socket.IPPROTO_UDP:
        return "datagram"
    if type == socket.SOCK_STREAM or proto == socket.IPPROTO_TCP:
        return "stream"
    return None


def python_address(address):
    """(host, port), (host, port, flow, scope) or a path; None where there is none."""
    if not address:
        return None
    path = getattr(address, "path", None)
    if path is not None:
        return path
    if address.family != 6:
        return address.host, address.port
    host, _, scope = address.host.partition("%")
    # The scope may be a name, for which the socket module has no number here.
    return (host, address.port, 0, int(scope)) if scope.isdigit() else (address.host, address.port, 0, 0)


# What servers and clients set as a matter of course: small pieces are sent at once anyhow, and of a dead peer the kernel tells
# later. Whether it is followed makes no difference to what they do.
_HINTS = ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE))


class SocketInfo:
    """What programs ask of `get_extra_info('socket')`: for looking. Its descriptor is not Python's."""

    proto = 0

    def __init__(self, sockname, peername, type=socket.SOCK_STREAM):
        self._sockname = sockname
        self._peername = peername
        self.type = type
        if isinstance(sockname, str):
            self.family = AF_UNIX
        else:
            self.family = socket.AF_INET6 if sockname is not None and len(sockname) == 4 else socket.AF_INET

    def fileno(self):
        return -1

    def getsockname(self):
        return self._sockname

    def getpeername(self):
        if self._peername is None:
            raise OSError(errno.ENOTCONN, "Cannot tell the peer: there is none")
        return self._peername

    def setsockopt(self, level, option, *value):
        if (level, option) not in _HINTS:
            raise OSError(errno.ENOPROTOOPT, "Cannot set a socket option: the socket is JavaScript's")

    def getsockopt(self, level, option, *buflen):
        raise OSError(errno.ENOPROTOOPT, "Cannot tell a socket option: the socket is JavaScript's")

    def __repr__(self):
        return f"<SocketInfo laddr={self._sockname!r} raddr={self._peername!r}>"

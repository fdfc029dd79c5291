"""What has gone wrong in JavaScript, as Python names it."""

import asyncio
import errno
import socket


def python_error(error):
    """The exception for `error`; a JsException that has no better name is passed on as it is."""
    if error is None:
        return None
    name = getattr(error, "name", None)
    message = str(getattr(error, "message", error))
    if name == "SystemError":
        mapped = _system_error(str(error.code), message)
    elif name == "CancelledError":
        mapped = asyncio.CancelledError(message)
    elif name == "TimeoutError":
        mapped = TimeoutError(message)
    elif name == "NotSupportedError":
        mapped = NotImplementedError(message)
    elif name in ("StateError", "InvalidStateError"):
        mapped = RuntimeError(message)
    elif name == "GroupError":
        mapped = BaseExceptionGroup(message, [python_error(each) for each in error.errors])
    elif isinstance(error, BaseException):
        return error
    else:
        # JavaScript can throw anything.
        return RuntimeError(message)
    mapped.__cause__ = error if isinstance(error, BaseException) else None
    return mapped


def _system_error(code, message):
    if code.startswith("EAI_") or code == "ENOTFOUND":
        number = getattr(socket, "EAI_NONAME" if code == "ENOTFOUND" else code, socket.EAI_FAIL)
        return socket.gaierror(number, message)
    number = getattr(errno, code, None)
    return OSError(message) if number is None else OSError(number, message)

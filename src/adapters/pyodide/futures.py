"""Futures of asyncio for what waits in JavaScript."""

import asyncio
from asyncio import events

from pyodide.ffi import JsException, JsProxy

from .errors import python_error


def wrap(source, *args):
    """An asyncio future of what can be waited for in JavaScript: a future, a task, a promise, or a function with its arguments,
    which becomes a task.

    Cancelling it cancels that, and it ends when that has ended. The errors of sockets, names, time and cancellation are
    Python's own; others arrive as JsException.
    """
    loop = events.get_running_loop()
    begin = getattr(loop, "_wrap", None)
    if begin is None:
        raise RuntimeError("Cannot wait for JavaScript: the running loop is none of tulipa's")
    if not isinstance(source, JsProxy):
        # Of what a function of JavaScript returns, pyodide has made a future already, which cannot cancel anything.
        raise TypeError("Cannot wrap this: it is nothing of JavaScript's; of a call, give the function and its arguments")
    return begin(source, *args)


class JsFuture(asyncio.Future):
    """Done when the future in JavaScript is; asked to cancel, it passes that on."""

    def __init__(self, loop, method, *args):
        super().__init__(loop=loop)
        self._number = loop._expect(self)
        try:
            self._js = getattr(loop._port, method)(self._number, *args)
        except JsException as error:
            loop._forget(self._number)
            failure = python_error(error)
        else:
            return
        raise failure

    def cancel(self, msg=None):
        if self.done():
            return False
        return bool(self._js.cancel(msg))

    # What the port tells.

    def succeeded(self, value):
        self._end()
        if not self.done():
            self.set_result(value)

    def failed(self, error):
        self._end()
        if not self.done():
            self.set_exception(python_error(error))

    def cancelled_there(self, message):
        self._end()
        super().cancel(message)

    def _end(self):
        self._loop._forget(self._number)
        self._js = None

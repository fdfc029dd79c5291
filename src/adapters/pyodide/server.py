"""asyncio's server over one of JavaScript's."""

import asyncio

from .addresses import SocketInfo, python_address


class Server(asyncio.AbstractServer):
    def __init__(self, loop, js, listener):
        self._loop = loop
        self._js = js
        self._listener = listener
        self._forever = None

    def get_loop(self):
        return self._loop

    def is_serving(self):
        return self._js.isServing()

    @property
    def sockets(self):
        return tuple(SocketInfo(python_address(each), None) for each in self._js.sockets)

    def close(self):
        if self._loop.is_closed():
            return
        self._loop._port.endServer(self._js)
        self._loop._forget(self._listener.number)
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()

    def close_clients(self):
        self._js.closeClients()

    def abort_clients(self):
        self._js.abortClients()

    async def start_serving(self):
        await self._loop._perform("startServing", self._js)

    async def serve_forever(self):
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        await self.start_serving()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._forever = None

    async def wait_closed(self):
        await self._loop._perform("waitClosed", self._js)

    def __repr__(self):
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

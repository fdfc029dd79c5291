"""The part of the demo that is Python. `hop` is JavaScript's."""

import asyncio

import aiohttp
from tulipa import twisted_reactor

reactor = twisted_reactor.install()

from twisted.internet.protocol import Factory  # noqa: E402: it looks for the reactor
from twisted.protocols.basic import LineReceiver  # noqa: E402


class Notes(LineReceiver):
    """Keeps what it is told, and says so."""

    delimiter = b"\n"
    kept = []

    def lineReceived(self, line):
        self.kept.append(line.decode())
        hop("Twisted", "Express", f"line {len(self.kept)} kept")
        self.sendLine(b"kept %d" % len(self.kept))


async def take_notes():
    """Where they are taken."""
    reactor.startRunning()
    port = reactor.listenTCP(0, Factory.forProtocol(Notes), interface="127.0.0.1")
    await port.whenListening().asFuture(asyncio.get_running_loop())
    return port.getHost().port


async def ask(url):
    hop("aiohttp", "Express", "GET /" + url.split("/", 3)[3])
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                answer = (await response.json())["name"]
    except asyncio.CancelledError as cancelled:
        hop("Python", "aiohttp", f"{type(cancelled).__name__} raised in ask(); the connection is closed")
        raise
    hop("aiohttp", "Effect", repr(answer))
    return answer

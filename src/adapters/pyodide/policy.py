"""Which loop asyncio makes, and which is the current one."""

from asyncio import events

from pyodide.ffi import JsProxy

from .event_loop import EventLoop

# Python 3.14 has deprecated policies, and nothing in their place for who embeds it; pyodide itself sets one.
_AbstractPolicy = getattr(events, "_AbstractEventLoopPolicy", None) or events.AbstractEventLoopPolicy
_get_policy = getattr(events, "_get_event_loop_policy", None) or events.get_event_loop_policy
_set_policy = getattr(events, "_set_event_loop_policy", None) or events.set_event_loop_policy

# Each is (open_port, loop); the last one is what is meant where no loop runs.
_installed: list[tuple[JsProxy, EventLoop]] = []
_before = None


class Policy(_AbstractPolicy):
    def __init__(self):
        self._set = None

    def get_event_loop(self):
        return _installed[-1][1] if self._set is None else self._set

    def set_event_loop(self, loop):
        self._set = loop

    def new_event_loop(self):
        return new_event_loop()


def new_event_loop():
    """A loop of its own on the same loop of JavaScript: `asyncio.Runner(loop_factory=tulipa.new_event_loop)`."""
    if not _installed:
        raise RuntimeError("Cannot make an event loop: installPyodide was not called")
    running = events._get_running_loop()
    for open_port, loop in reversed(_installed):
        if running is None or running is loop:
            return EventLoop(open_port)
    return EventLoop(_installed[-1][0])


def install(open_port):
    global _before
    # Of those whose loop in JavaScript was closed without a word, nothing is to be expected any more.
    for _, forgotten in [entry for entry in _installed if entry[1]._port.dead()]:
        uninstall(forgotten._port)
    loop = EventLoop(open_port)
    if not _installed:
        # Pyodide's own loop says of itself that it runs, always.
        _before = (_get_policy(), events._get_running_loop())
        events._set_running_loop(None)
        _set_policy(Policy())
    _installed.append((open_port, loop))


def uninstall(port):
    """Closes the loop of that port, and gives back what was there before, once nobody is left."""
    global _before
    for place, (_, loop) in enumerate(_installed):
        if loop._port == port:
            del _installed[place]
            loop.close()
            break
    if not _installed and _before is not None:
        policy, running = _before
        _before = None
        _set_policy(policy)
        events._set_running_loop(running)

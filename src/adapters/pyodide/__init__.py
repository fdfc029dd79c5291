"""asyncio on the loop that turns the JavaScript of this process.

After `installPyodide`, whatever makes an asyncio loop gets one of these: `asyncio.run`, `asyncio.Runner`,
`asyncio.new_event_loop`. They turn when the loop of JavaScript does, so that coroutines go on without `run_forever`.
"""

from .event_loop import EventLoop
from .futures import wrap
from .policy import new_event_loop

__all__ = ["EventLoop", "new_event_loop", "wrap"]

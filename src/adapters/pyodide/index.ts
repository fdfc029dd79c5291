/**
 * Python in this process: asyncio of Pyodide on our loop. What `installPyodide` installs is a package `tulipa` for Python, which is
 * the `.py` files here, and an asyncio policy: `asyncio.get_event_loop()`, `asyncio.run` and `asyncio.new_event_loop` give
 * loops that have asyncio's whole interface for timers, tasks, streams, connections, servers and datagrams (no TLS, no
 * descriptors), so that frameworks ride on that. A module of another framework is one more `.py` here: `tulipa.tornado`.
 */
export { type InstallPyodideOptions, installPyodide, type Python } from './install-pyodide.ts';
export type { Pyodide, PyProxy } from './pyodide.ts';

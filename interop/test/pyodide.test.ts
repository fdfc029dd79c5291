import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  CancelledError,
  ContextVar,
  type ExceptionContext,
  Future,
  getRunningLoop,
  newEventLoop,
  openConnection,
  run,
  SystemError,
  sleep,
  startServer,
  TimeoutError,
  timeout,
} from 'tulipa';
import { installPyodide, type PyProxy, type Python } from 'tulipa/adapters/pyodide';
import { simulate } from 'tulipa/testing';
import { row } from '../cells.ts';
import { python } from '../python.ts';

const { pyodide, globals } = await python();
const { PythonError } = pyodide.ffi;

pyodide.runPython(`
import asyncio, contextvars, errno, gc, os, signal, socket, time
import js

async def shout(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()

async def until_cancelled(seen, cleaning=0.002):
    try:
        seen.push("begun")
        await asyncio.sleep(3600)
    except asyncio.CancelledError as error:
        await asyncio.sleep(cleaning)
        seen.push(f"cleaned {error}")
        raise

def raises(kind, function, *args, **options):
    try:
        function(*args, **options)
    except kind as error:
        return str(error)
    raise AssertionError("nothing was raised")

async def araises(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError("nothing was raised")
`);

/** Calls back with Python on the running loop, and closes it. */
async function withPython<T>(body: (python: Python) => PromiseLike<T>): Promise<T> {
  const installed = installPyodide(pyodide);
  try {
    return await body(installed);
  } finally {
    await installed.close();
  }
}

function inPython<T>(code: string): Promise<T> {
  return withPython((python) => python.run<T>(code));
}

/** As `assert.rejects`, for futures. */
function rejects(
  future: PromiseLike<unknown>,
  expected: Parameters<typeof assert.rejects>[1],
): Promise<void> {
  return assert.rejects(async () => void (await future), expected);
}

/** Calls a function of Python's by its name. */
function call<T>(python: Python, name: string, ...args: unknown[]): Future<T> {
  const callable = globals.get(name);
  try {
    return python.call<T>(callable, ...args) as Future<T>;
  } finally {
    callable.destroy();
  }
}

/** What Python and JavaScript hold of each other. */
function held(): { proxies: number; objects: number } {
  // biome-ignore lint/suspicious/noExplicitAny: nothing of its public face tells
  const { pyproxy_alloc_map, _hiwire_num_refs } = (pyodide as any)._module;
  pyodide.runPython('gc.collect()');
  return { proxies: pyproxy_alloc_map.size, objects: _hiwire_num_refs() };
}
// biome-ignore lint/suspicious/noExplicitAny: as above
(pyodide as any)._module.enable_pyproxy_allocation_tracing();

row('pyodide', {}, (it) => {
  it('runs tasks, groups, timeouts, and context variables', async () => {
    const told = await inPython<string>(`
told = []
variable = contextvars.ContextVar("variable", default="none")
async def child(name, delay):
    variable.set(name)
    await asyncio.sleep(delay)
    return variable.get()
told += await asyncio.gather(child("a", 0.003), child("b", 0.001))
told.append(variable.get())
async with asyncio.TaskGroup() as group:
    one, two = group.create_task(child("c", 0.002)), group.create_task(child("d", 0.001))
told += [one.result(), two.result()]
try:
    async with asyncio.timeout(0.002):
        await asyncio.sleep(3600)
except TimeoutError:
    told.append("timeout")
await araises(TimeoutError, asyncio.wait_for(asyncio.sleep(3600), 0.001))
done, pending = await asyncio.wait([asyncio.ensure_future(child("e", 0)), asyncio.ensure_future(child("f", 3600))],
                                   return_when=asyncio.FIRST_COMPLETED)
told += [len(done), len(pending)]
loop = asyncio.get_running_loop()
order = []
loop.call_later(0.002, order.append, "later")
loop.call_soon(order.append, "soon")
loop.call_soon_threadsafe(order.append, "threadsafe")
loop.call_later(0.001, order.append, "never").cancel()
await asyncio.sleep(0.004)
told += order
told.append(await loop.run_in_executor(None, lambda: "executed"))
async def numbers():
    try:
        yield 1
        yield 2
    finally:
        told.append("closed")
async for number in numbers():
    break
del number
gc.collect()
await asyncio.sleep(0.001)
" ".join(map(str, told))
`);
    assert.equal(told, 'a b none c d timeout 1 1 soon threadsafe later executed closed');
  });

  it('waits by the clock of the loop', async () => {
    const loop = getRunningLoop();
    const begun = loop.time();
    const took = await inPython<number>(`
loop = asyncio.get_running_loop()
begun = loop.time()
await asyncio.sleep(0.005)
loop.time() - begun
`);
    const passed = loop.time() - begun;
    assert.ok(took >= 0.005 && took * 1000 <= passed, `${took} s of ${passed} ms`);
  });

  it('has streams, with flow control and half-closing', async () => {
    const told = await inPython<string>(`
async def sums(reader, writer):
    total = 0
    while data := await reader.read(65536):
        total += len(data)
    writer.write(f"{total}".encode())
    await writer.drain()
    writer.write(b"!" * 2_000_000)
    await writer.drain()
    writer.close()
server = await asyncio.start_server(sums, "127.0.0.1", 0)
host, port = server.sockets[0].getsockname()
reader, writer = await asyncio.open_connection(host, port)
assert writer.get_extra_info("peername") == (host, port)
assert writer.get_extra_info("socket").getsockname() == writer.get_extra_info("sockname")
assert writer.get_extra_info("cipher", "none") == "none"
writer.transport.set_write_buffer_limits(high=1000)
assert writer.transport.get_write_buffer_limits() == (250, 1000)
for _ in range(30):
    writer.write(b"x" * 100_000)
    await writer.drain()
writer.write_eof()
raises(RuntimeError, writer.write, b"more")
answer = await reader.read()
writer.close()
await writer.wait_closed()
server.close()
await server.wait_closed()
assert server.sockets == () and not server.is_serving()
f"{answer[:7].decode()} {len(answer)}"
`);
    assert.equal(told, '3000000 2000007');
  });

  it('calls protocols in asyncio’s order, and reports what they throw', async (loop) => {
    const reported: ExceptionContext[] = [];
    loop.setExceptionHandler((_, context) => reported.push(context));
    const told = await inPython<string>(`
told = []
loop = asyncio.get_running_loop()
answered, lost, server_lost = loop.create_future(), loop.create_future(), loop.create_future()
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        if data == b"fail": raise ValueError("a protocol failed")
        self.transport.writelines([b"got ", data])
    def connection_lost(self, error): server_lost.set_result(repr(error))
class Client(asyncio.BufferedProtocol):
    def connection_made(self, transport): told.append("made"); self.buffer = bytearray(4); self.count = 0
    def get_buffer(self, hint): return self.buffer
    def buffer_updated(self, count):
        self.count += count
        if self.count == 8: told.append(bytes(self.buffer).decode()); answered.set_result(None)
    def eof_received(self): pass
    def connection_lost(self, error): lost.set_result(None)
server = await loop.create_server(Server, "127.0.0.1", 0)
host, port = server.sockets[0].getsockname()
transport, protocol = await loop.create_connection(Client, host, port)
transport.write(memoryview(b"abcd"))
await answered
transport.write(b"fail")
await lost
told.append(await server_lost)
server.close()
other = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
other_port = other.sockets[0].getsockname()[1]
await araises(ZeroDivisionError, loop.create_connection(lambda: 1 / 0, host, other_port))
" ".join(told)
`);
    assert.equal(told, "made abcd ValueError('a protocol failed')");
    const [{ message, exception } = { message: '' }] = reported;
    assert.match(message, /Fatal error: protocol.data_received\(\) call failed/);
    assert.ok(exception instanceof PythonError && exception.type === 'ValueError');
  });

  it('speaks with connections and servers of JavaScript', async () => {
    const server = await startServer(
      async (reader, writer) => {
        for await (const line of reader) await writer.write(`js ${Buffer.from(line)}`);
        writer.close();
      },
      { host: '127.0.0.1', port: 0 },
    );
    const { port } = server.sockets[0] as { port: number };
    globals.set('port', port);
    await withPython(async (python) => {
      const answer = await python.run<string>(`
reader, writer = await asyncio.open_connection("127.0.0.1", port)
writer.write(b"from Python\\n")
line = await reader.readline()
writer.close()
listening = await asyncio.start_server(shout, "127.0.0.1", 0)
listening_port = listening.sockets[0].getsockname()[1]
line.decode()
`);
      assert.equal(answer, 'js from Python\n');
      const { reader, writer } = await openConnection({
        host: '127.0.0.1',
        port: globals.get('listening_port'),
      });
      await writer.write('from JavaScript\n');
      assert.equal(new TextDecoder().decode(await reader.readLine()), 'FROM JAVASCRIPT\n');
      writer.close();
    });
    server.close();
  });

  it('connects sockets of Python’s, for a transport that takes them over', async () => {
    await inPython(`
loop = asyncio.get_running_loop()
served = []
async def greet(reader, writer):
    writer.write(b"welcome\\n")
    try:
        served.append(await reader.read())
    except ConnectionResetError:
        served.append(b"")
    writer.close()
server = await asyncio.start_server(greet, "127.0.0.1", 0)
sock, dropped = socket.socket(), socket.socket()
for each in sock, dropped:
    each.setblocking(False)
    await loop.sock_connect(each, server.sockets[0].getsockname())
del each
await asyncio.sleep(0.005)
reader, writer = await asyncio.open_connection(sock=sock)
assert await reader.readline() == b"welcome\\n"
raises(NotImplementedError, loop._sockets.take, sock)
writer.write(b"one")
writer.close()
dropped.close()
del dropped
await asyncio.sleep(0.02)
server.close()
assert sorted(served) == [b"", b"one"], served
`);
  });

  it('has datagrams', async () => {
    const told = await inPython<string>(`
received = asyncio.Queue()
class Received(asyncio.DatagramProtocol):
    def datagram_received(self, data, address): received.put_nowait((data, address))
loop = asyncio.get_running_loop()
one, _ = await loop.create_datagram_endpoint(Received, local_addr=("127.0.0.1", 0))
two, _ = await loop.create_datagram_endpoint(Received, remote_addr=one.get_extra_info("sockname"))
assert one.get_extra_info("socket").type == socket.SOCK_DGRAM
two.sendto(b"ping")
data, address = await received.get()
assert address == two.get_extra_info("sockname")
one.sendto(data + b" pong", address)
data, _ = await received.get()
one.close(); two.abort()
data.decode()
`);
    assert.equal(told, 'ping pong');
  });

  it('names errors of sockets and names as Python does, and refuses what it has not', async () => {
    await inPython(
      `
loop = asyncio.get_running_loop()
server = await asyncio.start_server(shout, "127.0.0.1", 0)
host, port = server.sockets[0].getsockname()
error = await araises(OSError, asyncio.start_server(shout, "127.0.0.1", port))
assert error.errno == errno.EADDRINUSE, error
server.close()
await server.wait_closed()
await araises(ConnectionRefusedError, asyncio.open_connection("127.0.0.1", port))
error = await araises(ExceptionGroup, asyncio.open_connection("127.0.0.1", port, all_errors=True))
assert isinstance(error.exceptions[0], ConnectionRefusedError)
await araises(socket.gaierror, asyncio.open_connection("nobody.invalid", 1))
sock = socket.socket()
await araises(ConnectionRefusedError, loop.sock_connect(sock, ("127.0.0.1", port)))
await araises(NotImplementedError, asyncio.open_connection(sock=sock))
assert await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM) == [
    (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))]
for refused in (
    asyncio.open_connection("127.0.0.1", 1, ssl=True),
    asyncio.start_server(shout, sock=object()),
    loop.sock_recv(None, 1),
    asyncio.create_subprocess_exec("true"),
    loop.connect_read_pipe(asyncio.Protocol, None),
    loop.start_tls(None, None, None),
):
    assert "Cannot" in str(await araises(NotImplementedError, refused))
assert "descriptor" in raises(NotImplementedError, loop.add_reader, 0, print)
raises(RuntimeError, loop.run_until_complete, loop.create_future())
raises(RuntimeError, loop.close)
`,
    );
  });

  it('is a future of ours for what Python does: values and errors', async () => {
    await withPython(async (python) => {
      pyodide.runPython('async def double(x):\n  await asyncio.sleep(0.001)\n  return 2 * x');
      assert.equal(await call(python, 'double', 21), 42);
      const list = (await python.run('[1, 2]')) as PyProxy & { toJs(): number[] };
      assert.deepEqual(list.toJs(), [1, 2]);
      list.destroy();
      await rejects(
        python.run('raise KeyError("wrong")'),
        (error) => error instanceof PythonError && error.type === 'KeyError' && /wrong/.test(error.message),
      );
      await rejects(python.run('1 +'), { name: 'PythonError', type: 'SyntaxError' });
      assert.equal(await python.wrap(pyodide.runPython('double(4)')), 8);
      assert.equal(await python.call(globals.get('len'), 'four'), 4);
      const double = globals.get('double');
      assert.throws(() => python.wrap(double), TypeError);
      assert.throws(() => python.call(Math.max as unknown as PyProxy), TypeError);
      const promised = double(1);
      assert.throws(() => python.wrap(promised), TypeError);
      assert.equal(await promised, 2);
      double.destroy();
      const future = python.run('f = asyncio.get_running_loop().create_future(); f.cancel("there"); await f');
      await rejects(future, CancelledError);
    });
  });

  it('cancels what Python does, and waits until it has cleaned up', async () => {
    await withPython(async (python) => {
      const seen: string[] = [];
      const future = call(python, 'until_cancelled', seen);
      await sleep(1);
      future.cancel('enough');
      await rejects(future, CancelledError);
      assert.deepEqual(seen, ['begun', 'cleaned enough']);
      await assert.rejects(async () => {
        await timeout(2, async () => await call(python, 'until_cancelled', seen));
      }, TimeoutError);
      assert.equal(seen.length, 4);
      const stubborn = python.run(`
try:
    await asyncio.sleep(3600)
except asyncio.CancelledError:
    pass
"stayed"
`);
      await sleep(1);
      stubborn.cancel();
      assert.equal(await stubborn, 'stayed');
    });
  });

  it('waits in Python for what JavaScript does: values, errors, cancellation', async (loop) => {
    const seen: string[] = [];
    const future = loop.createFuture<string>();
    loop.callLater(2, () => future.setResult('value of a future'));
    Object.assign(globalThis, {
      future,
      cancelled: (() => {
        const other = loop.createFuture();
        other.cancel('there');
        return other;
      })(),
      *generator(name: string) {
        yield* sleep(1);
        return `generator ${name}`;
      },
      async asynchronous(name: string) {
        await sleep(1);
        return `async ${name}`;
      },
      *patient() {
        try {
          yield* sleep(3_600_000);
        } finally {
          yield* sleep(2);
          seen.push('cleaned in JavaScript');
        }
      },
      failing(kind: string) {
        if (kind === 'system') throw new SystemError('Cannot do it: refused', { code: 'ECONNREFUSED' });
        if (kind === 'timeout') throw new TimeoutError();
        throw kind === 'error' ? new RangeError('wrong') : kind;
      },
    });
    const told = await inPython<string>(`
from tulipa import wrap
from pyodide.ffi import JsException
told = [await wrap(js.future), await wrap(js.generator, "you"), await wrap(js.asynchronous, "me")]
await araises(asyncio.CancelledError, wrap(js.cancelled))
await araises(ConnectionRefusedError, wrap(js.failing, "system"))
await araises(TimeoutError, wrap(js.failing, "timeout"))
error = await araises(JsException, wrap(js.failing, "error"))
assert error.name == "RangeError" and error.message == "wrong"
assert "bare" in str(await araises(RuntimeError, wrap(js.failing, "bare")))
raises(TypeError, wrap, asyncio.sleep)
await araises(TimeoutError, asyncio.wait_for(wrap(js.patient), 0.001))
told.append("timed out")
task = asyncio.ensure_future(wrap(js.patient))
await asyncio.sleep(0.001)
task.cancel("enough")
await araises(asyncio.CancelledError, task)
told += [await js.Promise.resolve("promise")]
", ".join(told)
`);
    assert.equal(told, 'value of a future, generator you, async me, timed out, promise');
    assert.deepEqual(seen, ['cleaned in JavaScript', 'cleaned in JavaScript']);
  });

  it('tells the exception handler of the loop what nobody in Python has taken', async (loop) => {
    const reported: ExceptionContext[] = [];
    loop.setExceptionHandler((_, context) => reported.push(context));
    await inPython(`
loop = asyncio.get_running_loop()
loop.call_soon(lambda: 1 / 0)
async def lost(): raise KeyError("nobody asks")
asyncio.ensure_future(lost())
await asyncio.sleep(0.001)
gc.collect()
`);
    assert.deepEqual(
      reported.map(({ exception }) => (exception as { type: string }).type),
      ['ZeroDivisionError', 'KeyError'],
    );
    assert.match(reported[1]?.message ?? '', /Task exception was never retrieved/);
    const own = await inPython<string>(`
seen = []
asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(type(context["exception"]).__name__))
asyncio.get_running_loop().call_soon(lambda: 1 / 0)
await asyncio.sleep(0.001)
seen[0]
`);
    assert.equal(own, 'ZeroDivisionError');
    assert.equal(reported.length, 2);
  });

  it('holds one proxy for a loop, and nothing when that is closed', async () => {
    const before = held();
    const installed = installPyodide(pyodide);
    await installed.run('server = await asyncio.start_server(shout, "127.0.0.1", 0)');
    const once = held();
    assert.equal(once.proxies, before.proxies + 1);
    await installed.run(`
async def ask():
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\\n")
    assert await reader.readline() == b"HELLO\\n"
    writer.close()
    await writer.wait_closed()
for _ in range(10):
    await asyncio.gather(*(ask() for _ in range(3)))
    await araises(TimeoutError, asyncio.wait_for(asyncio.sleep(3600), 0))
await asyncio.sleep(0.005)
`);
    await rejects(installed.run('1 / 0'), PythonError);
    const cancelled = installed.run('await asyncio.sleep(3600)');
    await sleep(1);
    cancelled.cancel();
    await rejects(cancelled, CancelledError);
    const after = held();
    assert.equal(after.proxies, once.proxies);
    assert.ok(after.objects <= once.objects + 2, `${once.objects} became ${after.objects}`);
    await installed.close();
    pyodide.runPython('del server');
    assert.deepEqual(held().proxies, before.proxies);
  });

  it('closes with tasks, timers and connections under way, once for each loop', async () => {
    const seen: string[] = [];
    const first = installPyodide(pyodide);
    const second = installPyodide(pyodide);
    globals.set('seen', seen);
    await first.run(`
loop = asyncio.get_running_loop()
loop.call_later(3600, print)
server = await asyncio.start_server(shout, "127.0.0.1", 0)
reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
left = asyncio.ensure_future(until_cancelled(seen))
`);
    const waiting = call(first, 'until_cancelled', seen);
    await sleep(1);
    await first.close();
    await rejects(waiting, CancelledError);
    assert.deepEqual([...seen].sort(), ['begun', 'begun', 'cleaned ', 'cleaned ']);
    assert.equal(
      pyodide.runPython('loop.is_closed() and left.cancelled() and not server.is_serving()'),
      true,
    );
    assert.throws(() => first.run('1'), { name: 'StateError' });
    assert.equal(await second.run('await asyncio.sleep(0.001, "goes on")'), 'goes on');
    await second.close();
    await second.close();
    assert.equal(pyodide.runPython('type(asyncio.new_event_loop()).__name__'), 'WebLoop');
  });

  it('takes the place of one that was forgotten, whose loop is closed', async () => {
    const before = held();
    const other = newEventLoop({ driver: 'node' });
    installPyodide(pyodide, { loop: other });
    other.close();
    assert.equal(await inPython('await asyncio.sleep(0.001, "goes on")'), 'goes on');
    assert.equal(held().proxies, before.proxies);
  });

  it('awaits itself again through JavaScript, with the stores and context variables of who began it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const variable = new ContextVar<string>('variable');
    await withPython(async (python) => {
      Object.assign(globalThis, {
        async through(name: string) {
          assert.deepEqual([storage.getStore(), variable.get()], ['ours', 'mine']);
          return `${await python.run<string>(`await asyncio.sleep(0.001, "${name} of Python")`)} of JavaScript`;
        },
      });
      const told = await storage.run('ours', async () => {
        variable.set('mine');
        const told = await python.run<string>('from tulipa import wrap; await wrap(js.through, "you")');
        assert.equal(storage.getStore(), 'ours');
        return told;
      });
      assert.equal(told, 'you of Python of JavaScript');
    });
  });
});

for (const driver of ['node', 'epoll'] as const) {
  describe(`pyodide: ${driver}`, () => {
    it('has Unix sockets and signals', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'tulipa-'));
      globals.set('path', join(directory, 'socket'));
      const main = () =>
        inPython<string>(`
loop = asyncio.get_running_loop()
server = await loop.create_unix_server(lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), shout), path)
reader = asyncio.StreamReader()
transport, _ = await loop.create_unix_connection(lambda: asyncio.StreamReaderProtocol(reader), path)
transport.write(b"hello\\n")
told = (await reader.readline()).decode().strip()
assert transport.get_extra_info("peername") == path
transport.close()
server.close()
await server.wait_closed()
came = asyncio.Event()
loop.add_signal_handler(signal.SIGWINCH, came.set)
js.process.kill(js.process.pid, "SIGWINCH")
await asyncio.wait_for(came.wait(), 10)
assert loop.remove_signal_handler(signal.SIGWINCH) and not loop.remove_signal_handler(signal.SIGWINCH)
told
`);
      assert.equal(await run(main, { driver }), 'HELLO');
      rmSync(directory, { recursive: true });
    });

    it('refuses to block in a loop that runs', async () => {
      await run(
        () =>
          withPython(async (python) => {
            assert.throws(() => pyodide.runPython('asyncio.run(asyncio.sleep(0))'), {
              type: 'RuntimeError',
              message: /Cannot block until Python is done: .*already running/,
            });
            await rejects(python.run('asyncio.run(asyncio.sleep(0))'), { type: 'RuntimeError' });
          }),
        { driver },
      );
    });
  });
}

describe('pyodide, blocking', () => {
  it('runs until it is done, by the loop that owns the thread', async () => {
    // Not from within a promise reaction, where nothing else could go on.
    await new Promise((resolve) => setImmediate(resolve));
    const loop = newEventLoop({ driver: 'epoll' });
    const python = installPyodide(pyodide, { loop });
    const told = pyodide.runPython(`
async def ask():
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\\n")
    line = await reader.readline()
    writer.close()
    server.close()
    return line.decode().strip()
async def fail(error):
    await asyncio.sleep(0.001)
    raise error
assert asyncio.run(ask()) == "HELLO"
raises(KeyError, asyncio.run, fail(KeyError("wrong")))
raises(SystemExit, asyncio.run, fail(SystemExit(3)))
raises(TimeoutError, asyncio.run, asyncio.wait_for(asyncio.sleep(3600), 0.001))
with asyncio.Runner() as runner:
    told = [runner.run(ask()), runner.run(asyncio.sleep(0.001, "again"))]
loop = asyncio.get_event_loop()
loop.call_later(0.002, loop.stop)
loop.run_forever()
raises(RuntimeError, loop.run_until_complete, fail(RuntimeError()))
told.append(loop.run_until_complete(asyncio.gather(asyncio.sleep(0.001, "one"), ask()))[0])
" ".join(told)
`);
    assert.equal(told, 'HELLO again one');
    loop.runUntilComplete(python.close());
    loop.close();
  });

  it('says that the driver cannot', async () => {
    const loop = newEventLoop({ driver: 'node' });
    const python = installPyodide(pyodide, { loop });
    assert.throws(() => pyodide.runPython('asyncio.run(asyncio.sleep(0))'), {
      type: 'RuntimeError',
      message: /Cannot block until Python is done: .*node driver does not offer blocking/,
    });
    await run(() => python.close(), { loopFactory: () => loop });
  });

  it('sets its stack aside meanwhile, where it was called so that it can', async (context) => {
    if (!('Suspending' in (globalThis as unknown as { WebAssembly: object }).WebAssembly))
      return context.skip('this Node cannot switch stacks');
    await run(
      () =>
        withPython(async () => {
          pyodide.runPython(`
def blocked(number):
    async def main():
        await asyncio.sleep(0.001 * (number % 5))
        await asyncio.sleep(0.002)
        if number == 7:
            raise KeyError(number)
        return number
    try:
        return asyncio.run(main())
    except KeyError:
        return "failed"
`);
          const blocked = globals.get('blocked');
          const results = await Promise.all(Array.from({ length: 20 }, (_, n) => blocked.callPromising(n)));
          blocked.destroy();
          assert.deepEqual(
            results,
            Array.from({ length: 20 }, (_, n) => (n === 7 ? 'failed' : n)),
          );
        }),
      { driver: 'epoll' },
    );
  });
});

describe('pyodide, simulated', () => {
  it('lets a year pass in no time', async () => {
    await simulate(
      async () => {
        const begun = getRunningLoop().time();
        const told = await inPython<string>(`
told = []
async def worker(name, pause):
    for _ in range(3):
        await asyncio.sleep(pause)
        told.append(name)
await asyncio.gather(*(worker(name, 10_000_000 + place) for place, name in enumerate("abcd")))
"".join(told)
`);
        assert.equal(told, 'abcdabcdabcd');
        assert.equal(getRunningLoop().time() - begun, 30_000_009_000);
      },
      { timeMax: 1e12 },
    );
  });

  it('is on two hosts at once, and sees one of them go', async () => {
    await simulate(async (sim) => {
      let listening = false;
      const server = sim.host('server', () =>
        withPython(async (python) => {
          await python.run('server = await asyncio.start_server(shout, "0.0.0.0", 7)');
          listening = true;
          await new Future<never>();
        }),
      );
      await sim.eventually(() => listening);
      await withPython(async (python) => {
        await python.run(`
reader, writer = await asyncio.open_connection("server", 7)
writer.write(b"hello\\n")
assert await reader.readline() == b"HELLO\\n"
`);
        const broken = python.run('await reader.readline()');
        await sleep(1);
        server.kill();
        const line = (await broken) as PyProxy & { length: number };
        assert.equal(line.length, 0);
        line.destroy();
      });
    });
  });
});

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it } from 'node:test';
import express from 'express';
import { Future } from 'tulipa';
import { serve } from 'tulipa/adapters/node';
import { HttpAgent } from 'tulipa/adapters/node/http';
import { installPyodide, type Python } from 'tulipa/adapters/pyodide';
import { simulate } from 'tulipa/testing';
import { row } from '../cells.ts';
import { python, withoutPackage } from '../python.ts';

const { pyodide, globals } = await python();

async function withPython<T>(body: (python: Python) => PromiseLike<T>): Promise<T> {
  const installed = installPyodide(pyodide);
  try {
    return await body(installed);
  } finally {
    await installed.close();
  }
}

const withoutAiohttp = withoutPackage('aiohttp');

if (Object.keys(withoutAiohttp).length === 0)
  pyodide.runPython(`
import asyncio
import aiohttp
from aiohttp import web

async def hello(request):
    await asyncio.sleep(0.001)
    return web.json_response({"hello": request.match_info["name"], "from": request.remote})

async def total(request):
    count = 0
    async for chunk in request.content.iter_chunked(65536):
        count += len(chunk)
    return web.Response(text=f"{count}")

async def large(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(20):
        await response.write(b"x" * 100_000)
    return response

async def slow(request):
    await asyncio.sleep(0.2)
    return web.Response()

async def talk(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket

async def serve(host="127.0.0.1", port=0):
    app = web.Application(client_max_size=10_000_000)
    app.router.add_get("/hello/{name}", hello)
    app.router.add_post("/total", total)
    app.router.add_get("/large", large)
    app.router.add_get("/slow", slow)
    app.router.add_get("/talk", talk)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, runner.addresses[0][1]
`);

row('aiohttp', { globals: true, without: withoutAiohttp }, (it) => {
  it('serves and asks, with large bodies both ways, timeouts and keep-alive', async () => {
    await withPython(async (python) => {
      await python.run(`
runner, port = await serve()
base = f"http://127.0.0.1:{port}"
async with aiohttp.ClientSession() as session:
    for name in ("you", "me"):
        async with session.get(f"{base}/hello/{name}") as response:
            assert response.status == 200 and await response.json() == {"hello": name, "from": "127.0.0.1"}
    answers = await asyncio.gather(*(session.get(f"{base}/hello/{n}") for n in range(5)))
    assert [(await answer.json())["hello"] for answer in answers] == list("01234")
    async with session.post(f"{base}/total", data=b"y" * 3_000_000) as response:
        assert await response.text() == "3000000"
    async with session.get(f"{base}/large") as response:
        assert len(await response.read()) == 2_000_000
    async with session.get(f"{base}/nowhere") as response:
        assert response.status == 404
    try:
        await session.get(f"{base}/slow", timeout=aiohttp.ClientTimeout(total=0.02))
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("no timeout")
    try:
        await session.get("http://127.0.0.1:1/")
    except aiohttp.ClientConnectorError as error:
        assert isinstance(error.os_error, ConnectionRefusedError)
    else:
        raise AssertionError("not refused")
await runner.cleanup()
`);
    });
  });

  it('speaks WebSocket', async () => {
    await withPython(async (python) => {
      await python.run(`
runner, port = await serve()
async with aiohttp.ClientSession() as session:
    async with session.ws_connect(f"http://127.0.0.1:{port}/talk") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.send_str("x" * 100_000)
        assert await socket.receive_str() == "X" * 100_000
await runner.cleanup()
`);
    });
  });

  it('serves a client of JavaScript, and asks a server of JavaScript', async () => {
    await withPython(async (python) => {
      const port = await python.run<number>('runner, port = await serve(); port');
      const agent = new HttpAgent();
      const body = await new Promise<string>((resolve, reject) => {
        http
          .get({ host: '127.0.0.1', port, path: '/hello/you', agent }, (response) => {
            response.setEncoding('utf8').once('data', resolve);
          })
          .once('error', reject);
      });
      assert.deepEqual(JSON.parse(body), { hello: 'you', from: '127.0.0.1' });
      agent.destroy();
      await python.run('await runner.cleanup()');
      const app = express().get(
        '/hello/:name',
        (query, answer) => void answer.send(`express ${query.params.name}`),
      );
      const server = await serve(http.createServer(app), { host: '127.0.0.1', port: 0 });
      globals.set('port', (server.address() as { port: number }).port);
      const text = await python.run(`
async with aiohttp.ClientSession() as session:
    async with session.get(f"http://127.0.0.1:{port}/hello/you") as response:
        text = await response.text()
text
`);
      assert.equal(text, 'express you');
      server.close();
    });
  });
});

const withoutTornado = withoutPackage('tornado');

if (Object.keys(withoutTornado).length === 0)
  pyodide.runPython(`
import asyncio, logging
logging.getLogger("tornado.access").disabled = True
import tornado.httpserver, tornado.iostream, tornado.tcpserver, tornado.web, tornado.websocket
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

class Hello(tornado.web.RequestHandler):
    async def get(self, name):
        await asyncio.sleep(0.001)
        self.write({"hello": name, "from": self.request.remote_ip})
    def post(self, name):
        self.write(f"{len(self.request.body)}")

class Talk(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message.upper())

class Shout(tornado.tcpserver.TCPServer):
    async def handle_stream(self, stream, address):
        try:
            while True:
                await stream.write((await stream.read_until(b"\\n")).upper())
        except tornado.iostream.StreamClosedError:
            pass

def application():
    return tornado.web.Application([("/hello/(.*)", Hello), ("/talk", Talk)])
`);

row('tornado', { without: withoutTornado }, (it) => {
  it('has streams: delimiters, parts, large ones, the end', async () => {
    await withPython(async (python) => {
      await python.run(`
from tulipa.tornado import TCPClient, listen
server = Shout()
listening = await listen(server, 0, "127.0.0.1")
where = listening.sockets[0].getsockname()
stream = await TCPClient().connect(*where)
stream.write(b"one\\ntwo\\n")
assert await stream.read_until(b"\\n") == b"ONE\\n"
assert await stream.read_bytes(2) == b"TW"
assert await stream.read_until_regex(b"\\n") == b"O\\n"
much = b"x" * 2_000_000 + b"\\n"
written = stream.write(much)
assert await stream.read_bytes(len(much)) == much.upper()
await written
closed = asyncio.Event()
stream.set_close_callback(closed.set)
stream.close()
await closed.wait()
other = await TCPClient().connect(*where)
other.write(b"no end")
other.close()
server.stop()
assert not listening.is_serving()
await listening.wait_closed()
try:
    await TCPClient().connect(*where)
except tornado.iostream.StreamClosedError as error:
    assert isinstance(error.real_error, ConnectionRefusedError)
else:
    raise AssertionError("not refused")
`);
    });
  });

  it('serves and asks over HTTP, and speaks WebSocket', async () => {
    await withPython(async (python) => {
      await python.run(`
from tulipa.tornado import TCPClient, listen
server = tornado.httpserver.HTTPServer(application())
listening = await listen(server, 0, "127.0.0.1")
base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
AsyncHTTPClient.configure("tulipa.tornado.HTTPClient")
client = AsyncHTTPClient()
response = await client.fetch(f"{base}/hello/you")
assert response.body == b'{"hello": "you", "from": "127.0.0.1"}', response.body
response = await client.fetch(f"{base}/hello/you", method="POST", body=b"y" * 1_000_000)
assert response.body == b"1000000"
try:
    await client.fetch(f"{base}/nowhere")
except HTTPClientError as error:
    assert error.code == 404
else:
    raise AssertionError("no 404")
client.close()
await server.close_all_connections()
server.stop()
`);
    });
  });
});

describe('Python frameworks, simulated', () => {
  it('serve from one host and ask from another', async (context) => {
    if (Object.keys(withoutAiohttp).length > 0) return context.skip(withoutAiohttp.simulation);
    await simulate(async (sim) => {
      let listening = false;
      sim.host('server', () =>
        withPython(async (python) => {
          await python.run('runner, port = await serve("0.0.0.0", 8080)');
          listening = true;
          await new Future<never>();
        }),
      );
      await sim.eventually(() => listening);
      await withPython(async (python) => {
        await python.run(`
async with aiohttp.ClientSession() as session:
    async with session.get("http://server:8080/hello/you") as response:
        assert (await response.json())["hello"] == "you"
`);
      });
    });
  });
});

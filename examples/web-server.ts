/**
 * A web server in a page: the keynote's first example. One request a connection, two pages, one of which is slow.
 *
 * Shows: `async` functions over streams, a time limit and a size limit on what a stranger may send, and that a slow
 * answer holds up nobody else.
 *
 *     node --conditions=source examples/web-server.ts [PORT]     (0: a free port; 8080 unless given)
 *
 * Then open http://127.0.0.1:8080/ in a browser. (For a real file server: `tulipa serve`.)
 */
import {
  getRunningLoop,
  type InternetAddress,
  LoopError,
  run,
  type StreamReader,
  type StreamWriter,
  sleep,
  startServer,
  timeout,
} from 'tulipa';

async function respond(target: string): Promise<[status: string, html: string]> {
  if (target === '/') return ['200 OK', '<h1>It works</h1><p><a href="/slow">A slow page</a></p>'];
  if (target !== '/slow') return ['404 Not Found', '<h1>Not found</h1>'];
  await sleep(1000);
  return ['200 OK', '<h1>Sorry to keep you waiting</h1><p><a href="/">Back</a></p>'];
}

async function serve(reader: StreamReader, writer: StreamWriter): Promise<void> {
  try {
    // More than the limit of the reader, or slower than five seconds: no browser does that.
    const head = await timeout(5000, async () => await reader.readUntil('\r\n\r\n'));
    const [line = ''] = new TextDecoder('latin1').decode(head).split('\r\n', 1);
    const [, target] = /^GET (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
    const [status, html] =
      target === undefined ? ['400 Bad Request', '<h1>What?</h1>'] : await respond(target);
    const body = new TextEncoder().encode(`<!doctype html><title>${status}</title>${html}\n`);
    await writer.write(
      `HTTP/1.1 ${status}\r\nContent-Type: text/html; charset=utf-8\r\n` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
    );
    await writer.write(body);
  } catch (error) {
    if (!(error instanceof LoopError) || error.code === 'ERR_CANCELLED') throw error;
    console.error(error.message);
  } finally {
    writer.close();
  }
}

await run(async () => {
  const loop = getRunningLoop();
  const server = await startServer(serve, {
    host: '127.0.0.1',
    port: Number(process.argv[2] ?? 8080),
    limit: 8 * 1024,
    maxConnections: 1000,
  });
  const stopped = loop.createFuture<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    loop.addSignalHandler(signal, () => {
      if (!stopped.done()) stopped.setResult();
    });
  }
  const { host, port } = server.sockets[0] as InternetAddress;
  console.log(`listening on ${host}:${port}`);
  await stopped;
  await server.stop({ grace: 500 });
});

/**
 * An echo server in stream style, with `async` and `await`: each connection is a function that reads and writes.
 *
 * Shows: startServer, StreamReader and StreamWriter, back-pressure by awaiting what `write` returns.
 *
 *     node --conditions=source examples/echo-server-streams.ts [PORT]     (0: a free port; 8888 unless given)
 */
import {
  getRunningLoop,
  type InternetAddress,
  run,
  type StreamReader,
  type StreamWriter,
  startServer,
} from 'tulipa';

async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  try {
    for (;;) {
      const data = await reader.read(64 * 1024);
      if (data.length === 0) return;
      // Waits as long as the client does not take its echo, and so reads no more from it either.
      await writer.write(data);
    }
  } finally {
    writer.close();
  }
}

await run(async () => {
  const loop = getRunningLoop();
  const server = await startServer(echo, { host: '127.0.0.1', port: Number(process.argv[2] ?? 8888) });
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

/**
 * A proxy for one port: every connection to it is carried on to another address.
 *
 * Shows: two streams joined by two tasks of a group, which end together; half-close that is passed on; back-pressure
 * that reaches through, as each direction reads no faster than the other side takes.
 *
 *     node --conditions=source examples/port-proxy.ts [PORT] [TARGET_HOST:TARGET_PORT]
 *
 * The port is 8890 unless given (0: a free one), the target 127.0.0.1:8888, where the echo servers are.
 */
import {
  coroutine,
  getRunningLoop,
  type InternetAddress,
  LoopError,
  openConnection,
  run,
  type StreamReader,
  type StreamWriter,
  startServer,
  taskGroup,
  timeout,
} from 'tulipa';

const [, , listenPort = '8890', target = '127.0.0.1:8888'] = process.argv;
const [, targetHost = '', targetPort = ''] = /^(.*):(\d+)$/.exec(target) ?? [];

const carry = coroutine(function* (from: StreamReader, to: StreamWriter) {
  for (;;) {
    const data = yield* from.read(64 * 1024);
    if (data.length === 0) break;
    yield* to.write(data);
  }
  to.writeEof();
});

const proxy = coroutine(function* (reader: StreamReader, writer: StreamWriter) {
  let far: StreamWriter | null = null;
  try {
    const connection = yield* timeout(5000, function* () {
      return yield* openConnection({ host: targetHost, port: Number(targetPort) });
    });
    far = connection.writer;
    // A group, not two loose tasks: if one direction fails, the other is cancelled, and here both have ended.
    yield* taskGroup(function* (group) {
      group.createTask(carry(reader, connection.writer));
      yield* carry(connection.reader, writer);
    });
  } catch (error) {
    // No connection, or one that broke on either side: then neither side is of use any more.
    writer.transport.abort();
    far?.transport.abort();
    if (error instanceof LoopError && error.code === 'ERR_CANCELLED') throw error;
    console.error(error instanceof Error ? error.message : error);
  } finally {
    writer.close();
    far?.close();
  }
});

await run(function* () {
  const loop = getRunningLoop();
  const server = yield* startServer(proxy, { host: '127.0.0.1', port: Number(listenPort) });
  const stopped = loop.createFuture<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    loop.addSignalHandler(signal, () => {
      if (!stopped.done()) stopped.setResult();
    });
  }
  const { host, port } = server.sockets[0] as InternetAddress;
  console.log(`listening on ${host}:${port}`);
  yield* stopped;
  yield* server.stop({ grace: 0 });
});

/**
 * A chat server: what one client says, all others hear. The first line that a client sends is its name.
 *
 * Shows: generator coroutines over streams, lines as the unit of talk, and what to do with a listener who does not
 * listen: it is cut off, so that one slow client costs neither the others time nor the server memory.
 *
 *     node --conditions=source examples/chat-server.ts [PORT]     (0: a free port; 8889 unless given)
 *
 * Try it with `nc 127.0.0.1 8889` in two terminals.
 */
import {
  coroutine,
  getRunningLoop,
  type InternetAddress,
  LineTooLongError,
  run,
  type StreamReader,
  type StreamWriter,
  SystemError,
  startServer,
} from 'tulipa';

const LINE_BYTES_MAX = 1024;
const guests = new Map<StreamWriter, string>();

function tell(text: string, except: StreamWriter): void {
  for (const writer of guests.keys()) {
    if (writer === except) continue;
    try {
      // Not awaited: the room does not wait for its slowest guest. `writeNow` refuses when far too much is waiting.
      writer.writeNow(`${text}\n`);
    } catch {
      writer.transport.abort();
    }
  }
}

const readText = coroutine(function* (reader: StreamReader) {
  const line = yield* reader.readLine();
  return line.length === 0 ? null : new TextDecoder().decode(line).trim();
});

const welcome = coroutine(function* (reader: StreamReader, writer: StreamWriter) {
  try {
    yield* writer.write('Your name?\n');
    const name = yield* readText(reader);
    if (name === null || name === '') return;
    guests.set(writer, name);
    tell(`* ${name} has come`, writer);
    for (;;) {
      const text = yield* readText(reader);
      if (text === null) break;
      if (text !== '') tell(`${name}: ${text}`, writer);
    }
  } catch (error) {
    // A line without end, a connection that broke: that guest's affair alone.
    if (!(error instanceof LineTooLongError || error instanceof SystemError)) throw error;
  } finally {
    const name = guests.get(writer);
    guests.delete(writer);
    if (name !== undefined) tell(`* ${name} has gone`, writer);
    writer.close();
  }
});

await run(function* () {
  const loop = getRunningLoop();
  const server = yield* startServer(welcome, {
    host: '127.0.0.1',
    port: Number(process.argv[2] ?? 8889),
    limit: LINE_BYTES_MAX,
  });
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

/**
 * The echo servers of the echo benchmark, one for each style of writing one.
 *
 *     node --conditions=source bench/echo-server.ts --style protocol [--port 0] [--driver node]
 *
 * Prints its port, and ends when its standard input does, so that nothing is left behind if the benchmark dies. All of
 * them stop reading from a client that does not take its echo.
 */
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import {
  type BufferedProtocol,
  getRunningLoop,
  type InternetAddress,
  type Protocol,
  run,
  type Server,
  type StreamReader,
  type StreamWriter,
  type Suspension,
  startServer,
  type Transport,
  type Waitable,
} from 'tulipa';

const bufferBytes = 64 * 1024;

const { values } = parseArgs({
  options: {
    style: { type: 'string', default: 'protocol' },
    port: { type: 'string', default: '0' },
    driver: { type: 'string', default: 'node' },
  },
});
const address = { host: '127.0.0.1', port: Number(values.port) };

class EchoProtocol implements Protocol {
  #transport: Transport | null = null;

  connectionMade(transport: Transport): void {
    this.#transport = transport;
  }

  dataReceived(data: Uint8Array): void {
    this.#transport?.write(data);
  }

  pauseWriting(): void {
    this.#transport?.pauseReading();
  }

  resumeWriting(): void {
    this.#transport?.resumeReading();
  }
}

class BufferedEchoProtocol implements BufferedProtocol {
  #transport: Transport | null = null;
  #buffer = new Uint8Array(bufferBytes);

  connectionMade(transport: Transport): void {
    this.#transport = transport;
  }

  getBuffer(): Uint8Array {
    // The transport does not copy: what it could not send at once is still in use.
    if (this.#transport?.getWriteBufferSize() !== 0) this.#buffer = new Uint8Array(bufferBytes);
    return this.#buffer;
  }

  bufferUpdated(byteCount: number): void {
    this.#transport?.write(this.#buffer.subarray(0, byteCount));
  }

  pauseWriting(): void {
    this.#transport?.pauseReading();
  }

  resumeWriting(): void {
    this.#transport?.resumeReading();
  }
}

async function echoAsync(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for (;;) {
    const data = await reader.read(bufferBytes);
    if (data.length === 0) break;
    await writer.write(data);
  }
  writer.close();
}

function* echoInGenerator(reader: StreamReader, writer: StreamWriter): Generator<Suspension, void, unknown> {
  for (;;) {
    const data = yield* reader.read(bufferBytes);
    if (data.length === 0) break;
    yield* writer.write(data);
  }
  writer.close();
}

function serveNatively(): void {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (data) => {
      if (socket.write(data)) return;
      socket.pause();
      socket.once('drain', () => socket.resume());
    });
    socket.on('error', () => {});
  });
  server.listen(address.port, address.host, () => announce((server.address() as { port: number }).port));
}

function serve(listen: () => Waitable<Server>): Promise<void> {
  return run(
    function* () {
      const server = yield* listen();
      announce((server.sockets[0] as InternetAddress).port);
      yield* server.serveForever();
    },
    { driver: values.driver },
  );
}

function announce(port: number): void {
  console.log(port);
}

process.stdin.resume().on('end', () => process.exit());

switch (values.style) {
  case 'node-net':
    serveNatively();
    break;
  case 'protocol':
    await serve(() => getRunningLoop().createServer(() => new EchoProtocol(), address));
    break;
  case 'buffered':
    await serve(() => getRunningLoop().createServer(() => new BufferedEchoProtocol(), address));
    break;
  case 'streams':
    await serve(() => startServer(echoAsync, address));
    break;
  case 'coroutine':
    await serve(() => startServer(echoInGenerator, address));
    break;
  default:
    throw new RangeError(
      `Cannot serve in style ${values.style}: the styles are protocol, buffered, streams, coroutine, node-net`,
    );
}

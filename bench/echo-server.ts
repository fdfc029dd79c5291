/**
 * Echo servers to measure, one for each style of writing one.
 *
 *     npm run --silent echo -- [--port N] [--driver NAME] [--runner guest|blocking] [--style STYLE]
 *
 * Styles: protocol, buffered (a BufferedProtocol), streams (in an async function), coroutine (streams in a generator),
 * node-net (bare Node, to compare with: has no driver). Port 0, which it is unless given, is any that is free. Unless
 * given, driver and runner are what `run` takes.
 *
 * Listens on 127.0.0.1, prints its port as the only line on standard output, and serves until it is ended by a signal; with
 * `--until-stdin-ends` also when its standard input does, so that nothing is left behind if whoever started it dies. That
 * must be a pipe then. All of them stop reading from a client that does not take its echo.
 *
 * Exit codes: 2, the arguments are wrong; 1, it cannot serve.
 */
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import {
  type BufferedProtocol,
  getRunningLoop,
  type InternetAddress,
  listDrivers,
  NotSupportedError,
  type Protocol,
  type RunnerKind,
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

interface Choice {
  readonly style: string;
  readonly port: number;
  readonly driver: string | undefined;
  readonly runner: RunnerKind | undefined;
  readonly untilStdinEnds: boolean;
}

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

type Address = { readonly host: string; readonly port: number };

const styles: Readonly<Record<string, (address: Address) => Waitable<Server>>> = {
  protocol: (address) => getRunningLoop().createServer(() => new EchoProtocol(), address),
  buffered: (address) => getRunningLoop().createServer(() => new BufferedEchoProtocol(), address),
  streams: (address) => startServer(echoAsync, address),
  coroutine: (address) => startServer(echoInGenerator, address),
};
const nativeStyle = 'node-net';

function serveNatively(address: Address): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (data) => {
      if (socket.write(data)) return;
      socket.pause();
      socket.once('drain', () => socket.resume());
    });
    socket.on('error', () => {});
  });
  return new Promise((_, reject) => {
    server.on('error', reject);
    server.listen(address.port, address.host, () => announce((server.address() as { port: number }).port));
  });
}

function serve(
  listen: (address: Address) => Waitable<Server>,
  address: Address,
  { driver, runner, untilStdinEnds }: Choice,
): Promise<void> {
  return run(
    function* () {
      const server = yield* listen(address);
      announce((server.sockets[0] as InternetAddress).port);
      // Nothing of Node's runs in a blocking loop: its standard input is as good as frozen. Nobody writes to it.
      if (untilStdinEnds && runner === 'blocking') getRunningLoop().addReader(0, () => process.exit());
      yield* server.serveForever();
    },
    { driver, runner },
  );
}

function announce(port: number): void {
  console.log(port);
}

/** @throws {TypeError | RangeError} what is wrong with them */
function readArguments(): Choice {
  const { values } = parseArgs({
    options: {
      style: { type: 'string', default: 'protocol' },
      port: { type: 'string', default: '0' },
      driver: { type: 'string' },
      runner: { type: 'string' },
      'until-stdin-ends': { type: 'boolean', default: false },
    },
  });
  const { style, port, driver, runner } = values;
  const names = [...Object.keys(styles), nativeStyle];
  if (!names.includes(style)) throw wrong(`in style ${style}`, `the styles are ${names.join(', ')}`);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw wrong(`on port ${port}`, 'it is not a number from 0 to 65535');
  }
  const drivers = listDrivers();
  const chosen = drivers.find(({ name }) => name === driver);
  if (driver !== undefined && chosen === undefined) {
    throw wrong(`by driver ${driver}`, `the drivers are ${drivers.map(({ name }) => name).join(', ')}`);
  }
  if (chosen !== undefined && chosen.unavailable !== null) {
    throw wrong(`by driver ${driver}`, `it is ${chosen.unavailable}`);
  }
  if (runner !== undefined && runner !== 'guest' && runner !== 'blocking') {
    throw wrong(`by runner ${runner}`, 'the runners are guest, blocking');
  }
  if (style === nativeStyle && (driver ?? runner) !== undefined) {
    throw wrong(`in style ${style} by a driver or runner`, 'it is bare Node');
  }
  return { style, port: Number(port), driver, runner, untilStdinEnds: values['until-stdin-ends'] };
}

function wrong(doing: string, whatIsSo: string): RangeError {
  return new RangeError(`Cannot serve ${doing}: ${whatIsSo}`);
}

function fail(error: unknown, exitCode: number): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(exitCode);
}

function choose(): Choice {
  try {
    return readArguments();
  } catch (error) {
    return fail(error, 2);
  }
}

const choice = choose();
const address = { host: '127.0.0.1', port: choice.port };
if (choice.untilStdinEnds && choice.runner !== 'blocking') {
  process.stdin.resume().on('end', () => process.exit());
}
const listen = styles[choice.style];
try {
  await (listen === undefined ? serveNatively(address) : serve(listen, address, choice));
} catch (error) {
  fail(error, error instanceof NotSupportedError ? 2 : 1);
}

/**
 * An echo client in protocol style: sends a text, prints what comes back, and ends.
 *
 * Shows: createConnection, writeEof (the server sees our end and still answers), a future as the bridge from a protocol,
 * which is called, to a coroutine, which waits.
 *
 *     node --conditions=source examples/echo-client-protocol.ts [PORT] [TEXT]
 *
 * Start examples/echo-server-protocol.ts first, or examples/echo-server-streams.ts.
 */
import { Future, getRunningLoop, type Protocol, run, type Transport } from 'tulipa';

class EchoClient implements Protocol {
  readonly #text: string;
  readonly #ended: Future<string>;
  readonly #decoder = new TextDecoder();
  #echo = '';

  constructor(text: string, ended: Future<string>) {
    this.#text = text;
    this.#ended = ended;
  }

  connectionMade(transport: Transport): void {
    transport.write(new TextEncoder().encode(this.#text));
    transport.writeEof();
  }

  dataReceived(data: Uint8Array): void {
    this.#echo += this.#decoder.decode(data, { stream: true });
  }

  connectionLost(error: Error | null): void {
    if (error === null) this.#ended.setResult(this.#echo);
    else this.#ended.setException(error);
  }
}

await run(function* () {
  const loop = getRunningLoop();
  const [, , port = '8888', text = 'Hello, world'] = process.argv;
  const ended = new Future<string>();
  yield* loop.createConnection(() => new EchoClient(text, ended), { host: '127.0.0.1', port: Number(port) });
  console.log(`received: ${yield* ended}`);
});

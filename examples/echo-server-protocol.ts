/**
 * An echo server in protocol style: PEP 3156's lowest level. The loop calls the protocol; nothing ever waits.
 *
 * Shows: createServer, a protocol's life, flow control in both directions, a clean stop.
 *
 *     node --conditions=source examples/echo-server-protocol.ts [PORT]     (0: a free port; 8888 unless given)
 *
 * Try it with examples/echo-client-protocol.ts, or with `nc 127.0.0.1 8888`.
 */
import { getRunningLoop, type InternetAddress, type Protocol, run, type Transport } from 'tulipa';

class EchoProtocol implements Protocol {
  #transport: Transport | null = null;

  connectionMade(transport: Transport): void {
    this.#transport = transport;
  }

  dataReceived(data: Uint8Array): void {
    this.#transport?.write(data);
  }

  // A client that sends and does not read must not fill our memory: while it does not take what it sent, we do not
  // take more.
  pauseWriting(): void {
    this.#transport?.pauseReading();
  }

  resumeWriting(): void {
    this.#transport?.resumeReading();
  }
}

await run(function* () {
  const loop = getRunningLoop();
  const server = yield* loop.createServer(() => new EchoProtocol(), {
    host: '127.0.0.1',
    port: Number(process.argv[2] ?? 8888),
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
  yield* server.stop({ grace: 500 });
});

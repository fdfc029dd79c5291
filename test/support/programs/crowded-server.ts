// An echo server that tells its port, and what the loop reports, line by line; ends with its standard input. For
// test/drivers/node/descriptors.test.ts.
import { getRunningLoop, run } from 'tulipa';
import type { InternetAddress, Protocol, Transport } from 'tulipa/interface';

class Echo implements Protocol {
  #transport: Transport | null = null;

  connectionMade(transport: Transport): void {
    this.#transport = transport;
  }

  dataReceived(data: Uint8Array): void {
    this.#transport?.write(data);
  }
}

await run(function* () {
  const loop = getRunningLoop();
  const ended = loop.createFuture<void>();
  process.stdin.resume().on('end', () => ended.setResult());
  loop.setExceptionHandler((_loop, { message, exception }) => {
    const { code, message: why } = exception as Error & { code: string };
    process.stdout.write(`${JSON.stringify({ message, code, why })}\n`);
  });
  const server = yield* loop.createServer(() => new Echo(), { host: '127.0.0.1' });
  process.stdout.write(`${(server.sockets[0] as InternetAddress).port}\n`);
  yield* ended;
  server.abortClients();
});

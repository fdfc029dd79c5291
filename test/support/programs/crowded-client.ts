// Connects more often than there are descriptors: for test/hostile/shortage.test.ts.
import { gather, getRunningLoop, type RunnerKind, run, sleep } from 'tulipa';
import type { Protocol, SystemError, Transport } from 'tulipa/interface';

const [driver, runner, port, count] = process.argv.slice(2) as [string, RunnerKind, string, string];

class Client implements Protocol {
  readonly echoed = getRunningLoop().createFuture<void>();

  connectionMade(transport: Transport): void {
    transport.write(new Uint8Array(1));
  }

  dataReceived(): void {
    this.echoed.setResult();
  }
}

await run(
  function* () {
    const loop = getRunningLoop();
    const connect = () =>
      loop.createConnection(() => new Client(), { host: '127.0.0.1', port: Number(port) });
    const opened: [Transport, Client][] = [];
    const codes = new Set<string>();
    let refused = 0;
    const attempts = yield* gather(
      Array.from({ length: Number(count) }, () => loop.createTask(() => connect())),
      { returnExceptions: true },
    );
    for (const attempt of attempts) {
      if (Array.isArray(attempt)) {
        opened.push(attempt as [Transport, Client]);
      } else {
        refused++;
        codes.add((attempt as unknown as SystemError).code);
      }
    }
    // Who has a descriptor is served all the same, and timers run.
    for (const [, client] of opened) yield* client.echoed;
    yield* sleep(1);
    for (const [transport] of opened) transport.abort();
    yield* sleep(1);
    const [again, client] = yield* connect();
    yield* client.echoed;
    again.abort();
    process.stdout.write(`${JSON.stringify({ opened: opened.length, refused, codes: [...codes] })}\n`);
  },
  { driver, runner },
);

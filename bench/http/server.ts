/**
 * A `node:http` server to measure, that answers every request with a few words.
 *
 *     node server.ts [--driver NAME] [--runner guest|blocking]
 *
 * On the loop if a driver is named; else as Node has it. Listens on 127.0.0.1, prints its port, and ends with its standard
 * input.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Future, type RunnerKind, run } from 'tulipa';
import { serve } from 'tulipa/adapters/node';

const { values } = parseArgs({ options: { driver: { type: 'string' }, runner: { type: 'string' } } });
const { driver, runner = 'guest' } = values;
const place = { host: '127.0.0.1', port: 0 };
const body = 'Hello, world!';

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.setHeader('Content-Length', body.length);
  response.end(body);
});

if (driver === undefined) {
  server.listen(place);
  await once(server, 'listening');
  announce();
} else {
  await run(
    function* () {
      yield* serve(server, place);
      announce();
      yield* new Future<never>();
    },
    { driver, runner: runner as RunnerKind },
  );
}

function announce(): void {
  console.log((server.address() as AddressInfo).port);
  process.stdin.on('end', () => process.exit()).resume();
}

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Future, type RunnerKind, run } from 'tulipa';
import { serve } from 'tulipa/adapters/node';

/**
 * Listens on 127.0.0.1, prints the port, and ends with the standard input. On the loop if the program's arguments name a
 * driver (`--driver NAME`, `--runner guest|blocking`); else as Node has it.
 */
export async function serveAsAsked(server: Server): Promise<void> {
  const { values } = parseArgs({ options: { driver: { type: 'string' }, runner: { type: 'string' } } });
  const { driver, runner = 'guest' } = values;
  const place = { host: '127.0.0.1', port: 0 };
  const announce = () => {
    console.log((server.address() as AddressInfo).port);
    process.stdin.on('end', () => process.exit()).resume();
  };
  if (driver === undefined) {
    server.listen(place);
    await once(server, 'listening');
    announce();
    return;
  }
  await run(
    function* () {
      yield* serve(server, place);
      announce();
      yield* new Future<never>();
    },
    { driver, runner: runner as RunnerKind },
  );
}

import type { AddressInfo, Server } from 'node:net';
import { describe, it } from 'node:test';
import { Future, run } from 'tulipa';
import { installNet } from 'tulipa/adapters/node';
import { simulate } from 'tulipa/testing';
import { cellName, type DriverName, drivers } from './cell-names.ts';

/** Where a server is to listen. */
interface Place {
  host: string;
  port: number;
}

/** Where it listens, as its client has to know. */
export interface Served extends Place {
  /** `host:port` */
  authority: string;
}

/** What both halves of a test are: made of promises, as the frameworks are. */
interface Exchange {
  /** starts the server; ends when it listens */
  serve(place: Place): PromiseLike<Server>;
  /** @param driver for what differs between real and simulated time */
  use(at: Served, driver: DriverName): PromiseLike<void>;
}

export interface ServedOptions {
  /** where the framework, or this of it, does not work, and why, in a line */
  without?: Partial<Record<DriverName, string>>;
}

export interface ServedRowOptions extends ServedOptions {
  /** `installNet` for the time of a test; for packages without a hook */
  net?: boolean;
}

type Declare = (behaviour: string, exchange: Exchange, options?: ServedOptions) => void;

/**
 * One row of the matrix whose tests have a server and a client. On a real driver both are on one loop; in the simulation, on
 * two hosts with a network between them, where a real timer, socket or thread of anybody's would fail the test.
 */
export function servedRow(
  framework: string,
  options: ServedRowOptions,
  tests: (declare: Declare) => void,
): void {
  for (const driver of drivers) {
    const reason = options.without?.[driver];
    describe(cellName(framework, driver), () => {
      if (reason !== undefined) it(reason, { skip: reason }, () => {});
      else {
        tests((behaviour, exchange, { without = {} } = {}) => {
          const skip = without[driver] ?? false;
          it(behaviour, { timeout: 20_000, skip }, async () => {
            const uninstall = options.net === true ? installNet() : null;
            try {
              await (driver === 'simulation' ? onTwoHosts(exchange) : onOneLoop(driver, exchange));
            } finally {
              uninstall?.();
            }
          });
        });
      }
    });
  }
}

async function onOneLoop(driver: Exclude<DriverName, 'simulation'>, { serve, use }: Exchange): Promise<void> {
  const main = async () => {
    const server = await serve({ host: '127.0.0.1', port: 0 });
    try {
      await use(served('127.0.0.1', (server.address() as AddressInfo).port), driver);
    } finally {
      server.close();
    }
  };
  await run(main, { driver });
}

async function onTwoHosts({ serve, use }: Exchange): Promise<void> {
  await simulate(
    async (sim) => {
      let listening = false;
      sim.host('server', async () => {
        await serve({ host: '0.0.0.0', port: 8080 });
        listening = true;
        await new Future<never>();
      });
      await sim.eventually(() => listening);
      await use(served('server', 8080), 'simulation');
    },
    { globals: true },
  );
}

function served(host: string, port: number): Served {
  return { host, port, authority: `${host}:${port}` };
}

/** For tests that speak TLS. */
export const withTls: ServedOptions = {
  without: { simulation: 'OpenSSL draws its keys by no seed, and a simulation refuses it' },
};

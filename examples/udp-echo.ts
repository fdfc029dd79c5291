/**
 * Echo by datagrams, both sides, after Tulip's `udp_echo.py`.
 *
 * Shows: openDatagram, a server as a loop over what arrives, a client that asks again because datagrams may be lost.
 *
 *     node --conditions=source examples/udp-echo.ts server [PORT]     (0: a free port; 8888 unless given)
 *     node --conditions=source examples/udp-echo.ts client [PORT] [WORD …]
 */
import { getRunningLoop, type InternetAddress, openDatagram, run, TimeoutError, timeout } from 'tulipa';

const host = '127.0.0.1';
const [, , side, port = '8888', ...words] = process.argv;

async function serve(): Promise<void> {
  // A client that cannot be reached is no reason to stop.
  const onError = (error: Error) => console.error(error.message);
  await using endpoint = await openDatagram({ localAddress: { host, port: Number(port) }, onError });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    getRunningLoop().addSignalHandler(signal, () => endpoint.close());
  }
  const address = endpoint.getExtraInfo('sockname') as InternetAddress;
  console.log(`listening on ${address.host}:${address.port}`);
  for await (const { data, address: client } of endpoint) await endpoint.send(data, client);
}

async function ask(): Promise<void> {
  await using endpoint = await openDatagram({ remoteAddress: { host, port: Number(port) } });
  for (const word of words.length > 0 ? words : ['Hello,', 'world']) {
    for (let tries = 3; ; tries--) {
      await endpoint.send(word);
      try {
        const { data } = await timeout(1000, async () => await endpoint.receive());
        console.log(`received: ${new TextDecoder().decode(data)}`);
        break;
      } catch (error) {
        if (!(error instanceof TimeoutError) || tries === 1) throw error;
      }
    }
  }
}

await run(side === 'server' ? serve : ask);

// Ours, in `async` functions.
import {
  openConnection,
  openDatagram,
  type StreamReader,
  type StreamWriter,
  sleep,
  startServer,
  TimeoutError,
  timeout,
} from 'tulipa';
import { serve } from '../peers/serve.ts';
import {
  BACK_OFF,
  type delayOf,
  longDelayOf,
  MANY_SLEEPERS,
  MESSAGE_BYTES,
  PAIRS,
  PORT,
  type SimulationCase,
  SLEEPERS,
  TRY,
} from './cases.ts';
import { messages, retries, threeHosts, timers } from './scenarios.ts';

const message = new Uint8Array(MESSAGE_BYTES);

async function server() {
  const listening = await startServer(answer, { host: '0.0.0.0', port: PORT });
  await listening.serveForever();
}

async function answer(reader: StreamReader, writer: StreamWriter) {
  for (;;) {
    const data = await reader.read(MESSAGE_BYTES);
    if (data.length === 0) break;
    await writer.write(data);
  }
  writer.close();
}

const client = (exchanges: number) => async () => {
  const { reader, writer } = await openConnection({ host: 'server', port: PORT });
  let received = 0;
  for (; received < exchanges; received += 1) {
    await writer.write(message);
    await reader.readExactly(MESSAGE_BYTES);
  }
  writer.close();
  return received;
};

async function datagramServer() {
  const endpoint = await openDatagram({ localAddress: { host: '0.0.0.0', port: PORT } });
  for (;;) {
    const { data, address } = await endpoint.receive();
    await endpoint.send(data, address);
  }
}

const datagramClient = (exchanges: number) => async () => {
  const endpoint = await openDatagram({ remoteAddress: { host: 'server', port: PORT } });
  // The server is there by now.
  await sleep(10);
  let received = 0;
  for (; received < exchanges; received += 1) {
    await endpoint.send(message);
    await endpoint.receive();
  }
  endpoint.close();
  return received;
};

async function sleeps(sleeper: number, times: number, delay: typeof delayOf) {
  let slept = 0;
  for (; slept < times; slept += 1) await sleep(delay(sleeper, slept));
  return slept;
}

async function tries() {
  for (let wait = BACK_OFF.min; ; wait = Math.min(2 * wait, BACK_OFF.max)) {
    try {
      const { writer } = await timeout(TRY, () => openConnection({ host: 'server', port: PORT }));
      writer.close();
      return 1;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      await sleep(wait);
    }
  }
}

await serve<SimulationCase>(`Node ${process.version}`, {
  'one pair': (count) => messages(count, 1, server, client),
  '50 pairs': (count) => messages(count, PAIRS, server, client),
  datagrams: (count) => messages(count, 1, datagramServer, datagramClient),
  'one timer': (count) => timers(count, 1, sleeps),
  '100 timers': (count) => timers(count, SLEEPERS, sleeps),
  '10,000 timers': (count) => timers(count, MANY_SLEEPERS, sleeps, longDelayOf),
  '3 hosts': (count) => threeHosts(count, async () => 1),
  '40 minutes of retries': (count) => retries(count, server, tries),
});

// Ours, in generators.
import {
  coroutine,
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
import { messages, retries, simulations, threeHosts, timers } from './scenarios.ts';

const message = new Uint8Array(MESSAGE_BYTES);

const server = coroutine(function* () {
  const listening = yield* startServer(answer, { host: '0.0.0.0', port: PORT });
  yield* listening.serveForever();
});

function* answer(reader: StreamReader, writer: StreamWriter) {
  for (;;) {
    const data = yield* reader.read(MESSAGE_BYTES);
    if (data.length === 0) break;
    yield* writer.write(data);
  }
  writer.close();
}

const client = (exchanges: number) =>
  coroutine(function* () {
    const { reader, writer } = yield* openConnection({ host: 'server', port: PORT });
    let received = 0;
    for (; received < exchanges; received += 1) {
      yield* writer.write(message);
      yield* reader.readExactly(MESSAGE_BYTES);
    }
    writer.close();
    return received;
  });

const datagramServer = coroutine(function* () {
  const endpoint = yield* openDatagram({ localAddress: { host: '0.0.0.0', port: PORT } });
  for (;;) {
    const { data, address } = yield* endpoint.receive();
    yield* endpoint.send(data, address);
  }
});

const datagramClient = (exchanges: number) =>
  coroutine(function* () {
    const endpoint = yield* openDatagram({ remoteAddress: { host: 'server', port: PORT } });
    // The server is there by now.
    yield* sleep(10);
    let received = 0;
    for (; received < exchanges; received += 1) {
      yield* endpoint.send(message);
      yield* endpoint.receive();
    }
    endpoint.close();
    return received;
  });

const sleeps = coroutine(function* (sleeper: number, times: number, delay: typeof delayOf) {
  let slept = 0;
  for (; slept < times; slept += 1) yield* sleep(delay(sleeper, slept));
  return slept;
});

const tries = coroutine(function* () {
  for (let wait = BACK_OFF.min; ; wait = Math.min(2 * wait, BACK_OFF.max)) {
    try {
      const { writer } = yield* timeout(TRY, () => openConnection({ host: 'server', port: PORT }));
      writer.close();
      return 1;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      yield* sleep(wait);
    }
  }
});

// biome-ignore lint/correctness/useYield: there is nothing to wait for
function* nothing() {
  return 1;
}

await serve<SimulationCase>(`Node ${process.version}`, {
  'one pair': (count) => messages(count, 1, server, client),
  '50 pairs': (count) => messages(count, PAIRS, server, client),
  datagrams: (count) => messages(count, 1, datagramServer, datagramClient),
  'one timer': (count) => timers(count, 1, sleeps),
  '100 timers': (count) => timers(count, SLEEPERS, sleeps),
  '10,000 timers': (count) => timers(count, MANY_SLEEPERS, sleeps, longDelayOf),
  empty: (count) => simulations(count, nothing),
  '3 hosts': (count) => threeHosts(count, nothing),
  '40 minutes of retries': (count) => retries(count, server, tries),
});

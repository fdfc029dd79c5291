// Ours, in protocols and callbacks.
import {
  type DatagramProtocol,
  type DatagramTransport,
  Future,
  getRunningLoop,
  type Protocol,
  type Transport,
} from 'tulipa';
import { serve } from '../peers/serve.ts';
import {
  type delayOf,
  longDelayOf,
  MANY_SLEEPERS,
  MESSAGE_BYTES,
  PAIRS,
  PORT,
  type SimulationCase,
  SLEEPERS,
} from './cases.ts';
import { messages, timers } from './scenarios.ts';

const message = new Uint8Array(MESSAGE_BYTES);

function* server() {
  const listening = yield* getRunningLoop().createServer(answering, { host: '0.0.0.0', port: PORT });
  yield* listening.serveForever();
}

function answering(): Protocol {
  let to: Transport;
  return {
    connectionMade(transport) {
      to = transport;
    },
    dataReceived(data) {
      to.write(data);
    },
  };
}

const client = (exchanges: number) =>
  function* () {
    const ended = new Future<number>();
    yield* getRunningLoop().createConnection(() => sending(exchanges, ended), { host: 'server', port: PORT });
    return yield* ended;
  };

/** Sends the next message when the last one is back, which may come in parts. */
function sending(exchanges: number, ended: Future<number>): Protocol {
  let to: Transport;
  let received = 0;
  let missing = MESSAGE_BYTES;
  return {
    connectionMade(transport) {
      to = transport;
      to.write(message);
    },
    dataReceived(data) {
      missing -= data.length;
      if (missing > 0) return;
      missing = MESSAGE_BYTES;
      received += 1;
      if (received < exchanges) {
        to.write(message);
      } else {
        to.close();
        ended.setResult(received);
      }
    },
  };
}

function* datagramServer() {
  let to: DatagramTransport;
  const protocol: DatagramProtocol = {
    connectionMade(transport) {
      to = transport;
    },
    datagramReceived(data, address) {
      to.sendto(data, address);
    },
  };
  const localAddress = { host: '0.0.0.0', port: PORT };
  yield* getRunningLoop().createDatagramEndpoint(() => protocol, { localAddress });
  yield* new Future<never>();
}

const datagramClient = (exchanges: number) =>
  function* () {
    const loop = getRunningLoop();
    const ended = new Future<number>();
    let to: DatagramTransport;
    let received = 0;
    const protocol: DatagramProtocol = {
      connectionMade(transport) {
        to = transport;
        // The server is there by then.
        loop.callLater(10, () => to.sendto(message));
      },
      datagramReceived() {
        received += 1;
        if (received < exchanges) {
          to.sendto(message);
        } else {
          to.close();
          ended.setResult(received);
        }
      },
    };
    const remoteAddress = { host: 'server', port: PORT };
    yield* loop.createDatagramEndpoint(() => protocol, { remoteAddress });
    return yield* ended;
  };

function sleeps(sleeper: number, times: number, delay: typeof delayOf): Future<number> {
  const loop = getRunningLoop();
  const ended = new Future<number>();
  let slept = 0;
  const wake = () => {
    slept += 1;
    if (slept < times) loop.callLater(delay(sleeper, slept), wake);
    else ended.setResult(slept);
  };
  loop.callLater(delay(sleeper, 0), wake);
  return ended;
}

await serve<SimulationCase>(`Node ${process.version}`, {
  'one pair': (count) => messages(count, 1, server, client),
  '50 pairs': (count) => messages(count, PAIRS, server, client),
  datagrams: (count) => messages(count, 1, datagramServer, datagramClient),
  'one timer': (count) => timers(count, 1, sleeps),
  '100 timers': (count) => timers(count, SLEEPERS, sleeps),
  '10,000 timers': (count) => timers(count, MANY_SLEEPERS, sleeps, longDelayOf),
});

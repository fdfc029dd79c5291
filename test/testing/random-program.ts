import {
  asCompleted,
  coroutine,
  createTask,
  gather,
  race,
  shield,
  sleep,
  taskGroup,
  timeout,
} from '../../src/coroutines/index.ts';
import {
  isCancellation,
  StateError,
  type Suspension,
  SystemError,
  TimeoutError,
} from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  openConnection,
  openDatagram,
  type StreamReader,
  type StreamWriter,
  startServer,
} from '../../src/streams/index.ts';
import { Condition, Event, Lock, Queue, Semaphore } from '../../src/sync/index.ts';
import { type SimulatedHost, type Simulation, SimulationError } from '../../src/testing/index.ts';
import { Random } from '../support/random.ts';

type Steps<T = void> = Generator<Suspension, T, unknown>;

const streamPort = 4000;
const datagramPort = 5000;

/** What the tasks of one host have in common. */
class Shared {
  readonly lock = new Lock();
  readonly semaphore = new Semaphore(2);
  readonly queue = new Queue<number>(3);
  readonly event = new Event();
  readonly condition = new Condition();
}

/**
 * A program that nobody would write: some hosts, on each some tasks, in each a course of actions that a number decides.
 * Both spellings, everything that waits, cancellation and failure in every place. It ends by itself, and says what it saw.
 */
export function randomProgram(number: number): (sim: Simulation) => Steps {
  const random = new Random(number + 1);
  const hosts = ['alpha', 'beta', 'gamma', 'delta'].slice(0, 1 + random.below(4));

  function* serve(sim: Simulation): Steps {
    const answer = coroutine(function* (reader: StreamReader, writer: StreamWriter) {
      try {
        for (;;) {
          const bytes = yield* reader.read(1 + random.size(5_000));
          if (bytes.length === 0) break;
          yield* writer.write(bytes);
        }
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        sim.say(`a client is gone: ${error.code}`);
      } finally {
        writer.close();
      }
    });
    const server = yield* startServer(answer, { host: '0.0.0.0', port: streamPort });
    const endpoint = yield* openDatagram({
      localAddress: { host: '0.0.0.0', port: datagramPort },
      onError: (error) => sim.say(`datagram: ${error.message}`),
    });
    try {
      for (;;) {
        const { data, address } = yield* endpoint.receive();
        void endpoint.send(data, address);
      }
    } finally {
      endpoint.close();
      server.close();
    }
  }

  /** One action. What it is, is decided when it is done, by the order in which the tasks come to ask. */
  function* act(sim: Simulation, shared: Shared, depth: number): Steps {
    const peer = hosts[random.below(hosts.length)] as string;
    const deeper = () => act(sim, shared, depth - 1);
    const actions: (() => Steps)[] = [
      function* () {
        yield* sleep(random.size(50));
      },
      function* () {
        for (let turns = random.below(5); turns >= 0; turns--) yield;
      },
      function* () {
        yield* shared.lock.acquire();
        try {
          yield* sleep(random.below(10));
        } finally {
          shared.lock.release();
        }
      },
      function* () {
        yield* shared.semaphore.acquire();
        try {
          yield* sleep(random.below(10));
        } finally {
          shared.semaphore.release();
        }
      },
      function* () {
        yield* shared.queue.put(random.below(100));
      },
      function* () {
        sim.say(`took ${yield* shared.queue.get()}`);
      },
      function* () {
        if (random.oneIn(2)) {
          shared.event.set();
        } else {
          shared.event.clear();
          yield* shared.event.wait();
        }
      },
      function* () {
        yield* shared.condition.acquire();
        try {
          if (random.oneIn(2)) shared.condition.notifyAll();
          else yield* shared.condition.wait();
        } finally {
          shared.condition.release();
        }
      },
      () => talk(sim, peer),
      () => sendDatagrams(sim, peer),
      function* () {
        yield;
        throw new RangeError(`number ${random.below(1_000)}`);
      },
    ];
    const compounds: (() => Steps)[] = [
      function* () {
        yield* gather([createTask(deeper()), createTask(deeper()), createTask(deeper())], {
          returnExceptions: true,
        });
      },
      function* () {
        yield* taskGroup(function* (group) {
          for (let i = random.below(4); i >= 0; i--) group.createTask(deeper());
          yield* sleep(random.below(5));
        });
      },
      function* () {
        const task = createTask(deeper());
        yield* sleep(random.below(20));
        task.cancel(`number ${random.below(1_000)}`);
        try {
          yield* task;
        } catch (error) {
          sim.say(`cancelled: ${nameOf(error)}`);
        }
      },
      function* () {
        yield* race([deeper(), deeper()]);
      },
      function* () {
        yield* timeout(random.below(30), deeper);
      },
      function* () {
        yield* timeout(random.below(30), function* () {
          yield* shield(createTask(deeper()));
        });
      },
      function* () {
        for (const next of asCompleted([createTask(deeper()), createTask(deeper())])) yield* next;
      },
      function* () {
        // The same in the other spelling.
        const steps = deeper();
        yield* createTask(async () => {
          await sleep(random.below(5));
          await Promise.resolve();
          await createTask(steps);
          await Promise.all([sleep(1), sleep(random.below(3))]);
        });
      },
    ];
    const list = depth > 0 && random.oneIn(2) ? compounds : actions;
    const chosen = list[random.below(list.length)] as () => Steps;
    try {
      yield* timeout(200, chosen);
    } catch (error) {
      if (isCancellation(error)) throw error;
      sim.say(`${error instanceof TimeoutError ? 'too late' : nameOf(error)}`);
    }
  }

  function* talk(sim: Simulation, peer: string): Steps {
    const { reader, writer } = yield* openConnection({ host: peer, port: streamPort });
    try {
      const bytes = new Uint8Array(1 + random.size(100_000)).fill(random.below(256));
      const send = coroutine(function* () {
        yield* writer.write(bytes);
        writer.writeEof();
      });
      const [received] = yield* gather([reader.read(), send()]);
      sim.say(`${received.length} of ${bytes.length} bytes came back from ${peer}`);
    } finally {
      if (random.oneIn(3)) writer.transport.abort();
      else writer.close();
    }
  }

  function* sendDatagrams(sim: Simulation, peer: string): Steps {
    const endpoint = yield* openDatagram({ remoteAddress: { host: peer, port: datagramPort } });
    try {
      const count = 1 + random.below(5);
      for (let i = 0; i < count; i++) void endpoint.send(Uint8Array.of(i));
      for (let i = 0; i < count; i++) {
        const { data } = yield* endpoint.receive();
        sim.say(`datagram ${data[0]} came back from ${peer}`);
      }
    } finally {
      endpoint.close();
    }
  }

  return function* (sim) {
    for (const name of hosts) {
      sim.host(name, function* () {
        const shared = new Shared();
        const serving = createTask(serve(sim));
        yield* taskGroup(function* (group) {
          yield;
          for (let tasks = 1 + random.below(4); tasks > 0; tasks--) {
            group.createTask(function* () {
              for (let actions = 1 + random.below(6); actions > 0; actions--) yield* act(sim, shared, 3);
            });
          }
        });
        sim.say(`has done everything at ${getRunningLoop().time()}`);
        serving.cancel();
      });
    }
    const someHost = () => sim.hosts.get(hosts[random.below(hosts.length)] as string) as SimulatedHost;
    if (random.oneIn(2)) {
      const [a, b] = [someHost(), someHost()];
      sim.at(random.below(100), () => {
        if (a !== b) sim.network.partition(a, b);
      });
      sim.at(100 + random.below(100), () => sim.network.heal());
    }
    if (random.oneIn(3)) {
      const host = someHost();
      sim.at(random.below(100), () => {
        if (host.state === 'running') host.pause();
      });
      sim.at(100 + random.below(100), () => {
        if (host.state === 'paused') host.resume();
      });
    }
    if (random.oneIn(3)) {
      const host = someHost();
      const crashes = random.oneIn(2);
      sim.at(random.below(100), () => {
        if (host.state !== 'running') return;
        if (crashes) host.crash();
        else host.kill();
        host.start();
      });
    }
    if (random.oneIn(3)) someHost().clock.rate = 1 + random.below(100) / 1_000;
    for (const host of sim.hosts.values()) {
      while (host.name !== 'test') {
        try {
          yield* host.finished;
          break;
        } catch (error) {
          if (!(error instanceof SimulationError && error.code === 'ERR_HOST_DOWN')) throw error;
          sim.say(`${host.name} was started again`);
        }
      }
    }
  };
}

function nameOf(error: unknown): string {
  if (error instanceof SystemError || error instanceof StateError) return error.code;
  return error instanceof Error ? error.name : String(error);
}

// Runs a loop that turns Node's own while it owns the thread, and says in JSON what has come of it:
//     turned-host.ts DRIVER[,…] CASE[,…]

import { AsyncResource } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, readFile, stat, writeSync } from 'node:fs';
import { readFile as readFileSoon } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, MessageChannel, Worker, workerData } from 'node:worker_threads';
import { deflate } from 'node:zlib';
import { type EventLoop, Future, getRunningLoop, newEventLoop, run, sleep } from 'tulipa';

const [driver = 'epoll', wanted = ''] = isMainThread
  ? process.argv.slice(2)
  : (workerData as [string, string]);
const here = new URL(import.meta.url);

const say = (what: unknown) => writeSync(1, `${JSON.stringify(what)}\n`);
const makeLoop = (name = driver): EventLoop => newEventLoop({ driver: name, turnsHost: true });
/** How often Node's loop was turned. */
const hostTurns = (loop: EventLoop) => (loop as unknown as { hostTurns: number }).hostTurns;
const ownTurns = (loop: EventLoop) => (loop as unknown as { turns: number }).turns;

/** From a timer of Node's: outside of promise reactions, and where Node's loop may be turned. */
function withLoop(body: (loop: EventLoop) => void, name = driver): Promise<void> {
  return new Promise((resolve, reject) => {
    setTimeout(() => {
      const loop = makeLoop(name);
      try {
        body(loop);
        resolve();
      } catch (error) {
        reject(error as Error);
      } finally {
        loop.close();
      }
    }, 1);
  });
}

function refusal(body: () => unknown): string {
  try {
    body();
    return 'not refused';
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return `${name} ${code}: ${message}`;
  }
}

/** What Node does by its own loop, its threads and V8's. */
async function everything(): Promise<string[]> {
  const done: string[] = [];
  const bytes = await readFileSoon(here);
  done.push(`fs ${bytes.length > 0}`);
  const { lookup } = await import('node:dns/promises');
  done.push(`dns ${(await lookup('localhost')).family > 0}`);
  const server = createHttpServer((_, response) => response.end('of Node')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  done.push(`fetch ${await answer.text()}`);
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  await new Promise((resolve) => setTimeout(resolve, 2));
  await new Promise((resolve) => setImmediate(resolve));
  done.push('timers');
  done.push(`subtle ${(await crypto.subtle.digest('SHA-256', new Uint8Array(1))).byteLength}`);
  const { scrypt } = await import('node:crypto');
  const derive = promisify<string, string, number, { N: number }, Buffer>(scrypt);
  done.push(`scrypt ${(await derive('a', 'b', 8, { N: 16 })).length}`);
  done.push(`zlib ${(await promisify(deflate)('text')).length > 0}`);
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage("hello")', { eval: true });
  const [[message], [status]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  done.push(`worker ${message} ${status}`);
  done.push(`child ${(await once(spawn('sh', ['-c', 'exit 3']), 'exit'))[0]}`);
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { compile(of: Uint8Array): Promise<object> };
  };
  done.push(`wasm ${await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))}`);
  let read = 0;
  for await (const chunk of createReadStream(here)) read += (chunk as Buffer).length;
  done.push(`stream ${read === bytes.length}`);
  await sleep(1);
  return done;
}

/** Two sockets of Node's, connected. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = (await accepted) as [Socket];
  server.close();
  return [client, peer];
}

/** In which order ticks, promise reactions and callbacks of Node's follow one another. */
async function order(): Promise<string[]> {
  const log: string[] = [];
  const step = (name: string) => () => {
    log.push(name);
    void Promise.resolve().then(() => log.push(`${name} promise`));
    process.nextTick(() => {
      log.push(`${name} tick`);
      void Promise.resolve().then(() => log.push(`${name} tick's promise`));
    });
    // Not the end of the callback: what waits goes on waiting.
    new AsyncResource('inner').runInAsyncScope(() => log.push(`${name} scope`));
    log.push(`${name} end`);
  };
  const { port1, port2 } = new MessageChannel();
  for (const name of ['first', 'second', 'third']) port1.postMessage(name);
  await new Promise<void>((resolve) => {
    port2.on('message', (name: string) => {
      step(name)();
      if (name === 'third') resolve();
    });
  });
  port2.close();
  for (const name of ['timer', 'other timer']) setTimeout(step(name), 1);
  await new Promise((resolve) => setTimeout(resolve, 2));
  for (const name of ['immediate', 'other immediate']) setImmediate(step(name));
  await new Promise((resolve) => setImmediate(resolve));
  const [client, peer] = await socketPair();
  client.on('data', step('data')).on('end', step('end'));
  peer.end('x');
  await once(client, 'close');
  return log;
}

const cases: Record<string, () => unknown> = {
  everything: async () => {
    for (const name of driver.split(',')) {
      await withLoop((loop) => {
        say([name, ...loop.runUntilComplete(everything)]);
        // And again on the same.
        say(loop.runUntilComplete(everything).length);
      }, name);
    }
  },

  run: async () => say(await run(everything, { driver, runner: 'blocking', turnsHost: true })),

  environment: async () => say(await run(everything, { driver })),

  'top level': () => {
    // A promise reaction: no other runs until it ends, but callbacks and ticks do.
    const loop = makeLoop();
    const told: string[] = [];
    const heard = loop.runUntilComplete(function* () {
      const future = new Future<string>();
      stat('/', () => {
        process.nextTick(() => told.push('tick'));
        setImmediate(() => future.setResult('stat, immediate'));
      });
      return yield* future;
    });
    say([heard, told]);
    process.on('uncaughtException', (error) => told.push(error.message));
    setImmediate(() => {
      throw new Error('of an immediate');
    });
    loop.runUntilComplete(sleep(10));
    say(told);
    loop.close();
  },

  order: async () => {
    const expected = await order();
    await withLoop((loop) => {
      for (let round = 0; round < 3; round++) {
        const found = loop.runUntilComplete(order);
        say(JSON.stringify(found) === JSON.stringify(expected) ? expected.length : [expected, found]);
      }
    });
  },

  idle: () =>
    withLoop((loop) => {
      loop.runUntilComplete(everything);
      const before = hostTurns(loop);
      const turns = ownTurns(loop);
      loop.runUntilComplete(sleep(100));
      say([hostTurns(loop) - before, ownTurns(loop) - turns]);
    }),

  'busy host': () =>
    withLoop((loop) => {
      let immediates = 0;
      let busy = true;
      const again = () => {
        immediates++;
        if (busy) setImmediate(again);
      };
      again();
      loop.runUntilComplete(function* () {
        for (let round = 0; round < 20; round++) yield* sleep(1);
      });
      busy = false;
      say(immediates >= 20);
    }),

  'busy loop': () =>
    withLoop((loop) => {
      const seen = loop.runUntilComplete(function* () {
        let immediates = 0;
        const again = () => {
          immediates++;
          if (immediates < 100) setImmediate(again);
        };
        setImmediate(again);
        let turns = 0;
        for (; immediates < 100; turns++) yield* sleep(0);
        return turns;
      });
      // Every 16 turns at least.
      say(seen <= 100 * 17);
    }),

  timers: () => {
    // The delay of the timer that this begins in, one that was set before, and others.
    const told: number[] = [];
    setTimeout(() => told.push(0), 2);
    void withLoop((loop) => {
      loop.runUntilComplete(async () => {
        for (const delay of [1, 1, 2, 3]) {
          await new Promise((resolve) => setTimeout(resolve, delay));
          told.push(delay);
        }
      });
      say([told.length, told.includes(0)]);
    });
    // And in the timers behind it.
    setTimeout(() => say('later'), 1);
  },

  unref: () =>
    withLoop((loop) => {
      const told: string[] = [];
      const before = hostTurns(loop);
      loop.runUntilComplete(async () => {
        const [client, peer] = await socketPair();
        for (const socket of [client, peer]) socket.unref();
        setTimeout(() => told.push('timer'), 1).unref();
        setImmediate(() => told.push('immediate')).unref();
        client.on('data', (data) => told.push(`data ${data}`));
        peer.write('x');
        await sleep(20);
        client.pause();
        peer.write('unread');
        await sleep(50);
        client.destroy();
        peer.destroy();
      });
      say([told.sort(), hostTurns(loop) - before < 100]);
    }),

  uncaught: () => {
    const told: string[] = [];
    process.on('uncaughtException', (error, origin) => told.push(`${origin}: ${error.message}`));
    process.on('unhandledRejection', (error) => told.push(`unhandledRejection: ${(error as Error).message}`));
    const thrower = (what: string) => () => {
      throw new Error(what);
    };
    return withLoop((loop) => {
      loop.runUntilComplete(async () => {
        const [client, peer] = await socketPair();
        client.on('data', thrower('data'));
        peer.write('x');
        for (let number = 0; number < 4; number++)
          stat('/', number < 2 ? thrower(`stat ${number}`) : () => {});
        setTimeout(thrower('timer'), 1);
        setTimeout(() => process.nextTick(thrower('tick of a timer')), 1);
        setTimeout(() => told.push('later timer'), 2);
        setImmediate(thrower('immediate'));
        setImmediate(() => process.nextTick(thrower('tick of an immediate')));
        setImmediate((told: string[]) => told.push('later immediate'), told);
        process.nextTick(thrower('tick'));
        queueMicrotask(thrower('microtask'));
        void Promise.reject(new Error('promise'));
        for (let round = 0; told.length < 12 && round < 5_000; round++) await sleep(1);
        client.destroy();
        peer.destroy();
      });
      say(told.sort());
      setImmediate(() => say('Node goes on'));
    });
  },

  fatal: () => {
    process.on('exit', (code) => say(`exit ${code}`));
    const [, , , , what] = process.argv;
    const fail = () => {
      if (what?.startsWith('exit')) process.exit(5);
      throw new Error('of Node');
    };
    void withLoop((loop) => {
      loop.runUntilComplete(async () => {
        if (what?.endsWith('immediate')) setImmediate(fail);
        else if (what?.endsWith('timer')) setTimeout(fail, 1);
        else if (what?.endsWith('tick')) setImmediate(() => process.nextTick(fail));
        else stat('/', fail);
        await new Future<void>();
      });
    });
  },

  signal: () =>
    withLoop((loop) => {
      const told: string[] = [];
      process.on('SIGUSR2', () => told.push('Node'));
      loop.addSignalHandler('SIGUSR2', () => told.push('loop'));
      loop.runUntilComplete(async () => {
        process.kill(process.pid, 'SIGUSR2');
        while (told.length < 2) await sleep(1);
      });
      say(told.sort());
    }),

  stop: () =>
    withLoop((loop) => {
      setTimeout(() => loop.stop(), 2);
      loop.runForever();
      setImmediate(() => loop.stop());
      loop.runForever();
      let immediates = 0;
      setImmediate(() => immediates++);
      for (let round = 0; round < 3; round++) loop.runOnce(0);
      say(['stopped', immediates]);
    }),

  /** Whatever makes V8 look at its stack. */
  stress: () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const deep = (): number => deep() + 1;
    Error.stackTraceLimit = 50;
    const told = { caught: 0, collected: 0, traced: 0, uncaught: 0 };
    process.on('uncaughtException', () => told.uncaught++);
    const tries = [
      deep,
      () => JSON.parse('{'),
      () => runInNewContext('throw 1'),
      () => new Worker('/', { execArgv: ['--no'] }),
    ];
    return withLoop((loop) => {
      loop.runUntilComplete(async () => {
        for (let round = 0; round < 200; round++) {
          await new Promise<void>((resolve) => {
            setImmediate(() => {
              if (round % 20 === 0) {
                collect();
                told.collected++;
              }
              for (const one of round % 50 === 0 ? tries : tries.slice(1, 2)) {
                try {
                  one();
                } catch {
                  told.caught++;
                }
              }
              if (new Error('here').stack?.includes('runUntilComplete') === true) told.traced++;
              resolve();
            });
          });
          if (round % 10 === 0) {
            await Promise.all(
              [1, 2, 3].map(
                () =>
                  new Promise<void>((resolve) => {
                    readFile(here, () => {
                      resolve();
                      collect();
                      throw new Error('of a callback');
                    });
                  }),
              ),
            );
          }
        }
      });
      say(told);
    });
  },

  refused: () => {
    say(refusal(() => makeLoop('node')));
    say(refusal(() => makeLoop('simulation')));
    const loop = makeLoop();
    setImmediate(() => {
      say(refusal(() => loop.runUntilComplete(sleep(0))));
      stat('/', () => {
        say(refusal(() => loop.runOnce(0)));
        setTimeout(() => {
          setTimeout(() => say(refusal(() => newEventLoop({ driver }).runForever())), 0);
          loop.runUntilComplete(sleep(5));
          void Promise.resolve().then(() => {
            say(refusal(() => loop.runForever()));
            loop.close();
          });
        }, 1);
      });
    });
  },

  worker: async () => {
    if (isMainThread) {
      await once(new Worker(here, { workerData: [driver, wanted] }), 'exit');
      return;
    }
    say(refusal(() => makeLoop()));
    say(await run(() => Promise.resolve(getRunningLoop().isRunning()), { driver }));
  },

  many: () =>
    withLoop((loop) => {
      const before = process.getActiveResourcesInfo().length;
      for (let round = 0; round < 300; round++) {
        loop.runUntilComplete(async () => {
          await new Promise((resolve) => setImmediate(resolve));
        });
      }
      say(process.getActiveResourcesInfo().length - before);
    }),

  here: () => say(refusal(() => makeLoop().close())),
};

for (const name of wanted.split(',')) await cases[name]?.();

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Future, sleep } from '../../src/coroutines/index.ts';
import {
  type EventLoop as EventLoopInterface,
  NotSupportedError,
  type Protocol,
  type Socket,
  type Transport,
} from '../../src/interface/index.ts';
import { newEventLoop, run } from '../../src/runtime/index.ts';

const socket = {} as Socket;
const transport = {} as Transport;
const bytes = new Uint8Array(1);
const callback = () => assert.fail('a callback was called');
const factory = () => assert.fail('a protocol was made') as unknown as Protocol;

type Call = (loop: EventLoopInterface) => unknown;

/** What the node driver lacks, by feature: each method that needs it, called as it should be. */
const lacking: Readonly<Record<string, Readonly<Record<string, Call>>>> = {
  blocking: {
    runForever: (loop) => loop.runForever(),
    runUntilComplete: (loop) => loop.runUntilComplete(new Future({ loop })),
    'runUntilComplete of a coroutine': (loop) => loop.runUntilComplete(sleep(1)),
    'runOnce without a limit': (loop) => loop.runOnce(),
    'runOnce without a limit, said': (loop) => loop.runOnce(null),
    'runOnce with a limit': (loop) => loop.runOnce(5),
  },
  'async generators': {
    shutdownAsyncGenerators: (loop) => loop.shutdownAsyncGenerators(),
  },
  executors: {
    'runInExecutor without any': (loop) => loop.runInExecutor(null, callback),
  },
  descriptors: {
    addReader: (loop) => loop.addReader(0, callback),
    addWriter: (loop) => loop.addWriter(1, callback),
    removeReader: (loop) => loop.removeReader(0),
    removeWriter: (loop) => loop.removeWriter({ fd: 1 }),
  },
  sockets: {
    sockRecv: (loop) => loop.sockRecv(socket, 1),
    sockRecvInto: (loop) => loop.sockRecvInto(socket, bytes),
    sockRecvfrom: (loop) => loop.sockRecvfrom(socket, 1),
    sockRecvfromInto: (loop) => loop.sockRecvfromInto(socket, bytes),
    sockSendall: (loop) => loop.sockSendall(socket, bytes),
    sockSendto: (loop) => loop.sockSendto(socket, bytes, { family: 4, host: '127.0.0.1', port: 1 }),
    sockConnect: (loop) => loop.sockConnect(socket, { family: 4, host: '127.0.0.1', port: 1 }),
    sockAccept: (loop) => loop.sockAccept(socket),
    sockSendfile: (loop) => loop.sockSendfile(socket, { fd: 0 }),
    sendfile: (loop) => loop.sendfile(transport, { fd: 0 }),
    'createConnection with a socket': (loop) => loop.createConnection(factory, { socket }),
    'createServer with a socket': (loop) => loop.createServer(factory, { socket }),
    'startServing with a socket': (loop) => loop.startServing(factory, { socket }),
    'createUnixConnection with a socket': (loop) => loop.createUnixConnection(factory, { socket }),
    'createUnixServer with a socket': (loop) => loop.createUnixServer(factory, { socket }),
    'createDatagramEndpoint with a socket': (loop) =>
      loop.createDatagramEndpoint(factory as never, { socket: { ...socket, type: 'datagram' } }),
    connectAcceptedSocket: (loop) => loop.connectAcceptedSocket(factory, socket),
  },
  tls: {
    startTls: (loop) => loop.startTls(transport, factory(), {}),
    'createConnection with TLS': (loop) =>
      loop.createConnection(factory, { host: '127.0.0.1', port: 1, ssl: true }),
    'createServer with TLS': (loop) => loop.createServer(factory, { host: '127.0.0.1', ssl: {} }),
    'createUnixConnection with TLS': (loop) =>
      loop.createUnixConnection(factory, { path: '/nowhere', ssl: true, serverHostname: 'host' }),
    'createUnixServer with TLS': (loop) => loop.createUnixServer(factory, { path: '/nowhere', ssl: {} }),
  },
  pipes: {
    connectReadPipe: (loop) => loop.connectReadPipe(factory, 0),
    connectWritePipe: (loop) => loop.connectWritePipe(factory, { fd: 1 }),
  },
  processes: {
    subprocessExec: (loop) => loop.subprocessExec(factory as never, 'true'),
    subprocessShell: (loop) => loop.subprocessShell(factory as never, 'true'),
  },
};

/** What the node driver does offer, or what needs no driver. */
const offered = [
  'addCheck',
  'addPrepare',
  'addSignalHandler',
  'callAt',
  'callAtIn',
  'callExceptionHandler',
  'callLater',
  'callRepeatedly',
  'callSoon',
  'callSoonIn',
  'callSoonThreadsafe',
  'close',
  'createConnection',
  'createDatagramEndpoint',
  'createFuture',
  'createServer',
  'createTask',
  'createUnixConnection',
  'createUnixServer',
  'defaultExceptionHandler',
  'driverName',
  'enqueue',
  'getDebug',
  'getExceptionHandler',
  'getTaskFactory',
  'getaddrinfo',
  'getnameinfo',
  'isClosed',
  'isRunning',
  'pollDescriptor',
  'removeSignalHandler',
  'runInExecutor',
  'runOnce',
  'setDebug',
  'setDefaultExecutor',
  'setExceptionHandler',
  'setTaskFactory',
  'shutdownDefaultExecutor',
  'slowCallbackDuration',
  'startServing',
  'stop',
  'time',
  'timeUntilNextTimer',
  'wakeUp',
  'wrapFuture',
] as const satisfies readonly (keyof EventLoopInterface)[];

/** Members of our own class, no part of the standard. */
const own = [
  'abandon',
  'attach',
  'attachStepped',
  'blocks',
  'canBlock',
  'constructor',
  'debugSocket',
  'detach',
  'earliestTimer',
  'finishTransports',
  'hasOwnWorld',
  'hasRefdTimers',
  'inspect',
  'interruptProcess',
  'observer',
  'queued',
  'setOrder',
  'slowCallback',
  'step',
  'streams',
  'toString',
  'turns',
  'wakeups',
  'watchIdle',
  'hostTurns',
  'createServerNow',
  'watchUnhandled',
];

describe('what the node driver lacks (B-EV-022)', () => {
  for (const [feature, calls] of Object.entries(lacking)) {
    for (const [name, call] of Object.entries(calls)) {
      it(`is refused at the call: ${name}`, () => {
        const loop = newEventLoop({ driver: 'node' });
        if (name === 'startTls') {
          // Its protocol is one that exists.
          assert.throws(() => loop.startTls(transport, {} as never, {}), NotSupportedError);
        }
        assert.throws(
          () => (name === 'startTls' ? loop.startTls(transport, {} as never, {}) : call(loop)),
          (error) => {
            assert.ok(error instanceof NotSupportedError, String(error));
            assert.deepEqual(
              [error.feature, error.driver, error.code],
              [feature, 'node', 'ERR_NOT_SUPPORTED'],
            );
            assert.match(error.message, /^Cannot /);
            assert.doesNotMatch(error.message, /drivers that do: node/);
            return true;
          },
        );
        assert.equal(loop.timeUntilNextTimer(), null, 'something was scheduled all the same');
        loop.close();
      });
    }
  }

  it('is all of the standard that is not offered: no method is a silent stub', () => {
    const loop = newEventLoop({ driver: 'node' });
    const members = new Set([
      ...Object.getOwnPropertyNames(Object.getPrototypeOf(loop)),
      ...Object.keys(loop),
    ]);
    const refused = Object.values(lacking).flatMap((calls) =>
      Object.keys(calls).map((name) => name.split(' ')[0]),
    );
    const known = new Set<string | undefined>([...refused, ...offered, ...own]);
    assert.deepEqual(
      [...members].filter((name) => !known.has(name)),
      [],
      'neither offered nor refused',
    );
    assert.deepEqual(
      [...offered, ...refused].filter((name) => !members.has(name as string)),
      [],
      'not there at all',
    );
    loop.close();
  });

  it('names the way out where there is one: run, instead of blocking (B-LOOP-011)', () => {
    const loop = newEventLoop({ driver: 'node' });
    assert.throws(() => loop.runForever(), /await run\(main\)/);
    assert.throws(() => loop.runUntilComplete(sleep(1)), /await run\(main\)/);
    loop.close();
  });

  it('is refused during a run as well, and the run goes on', async () => {
    await run(
      async () => {
        const { getRunningLoop } = await import('../../src/loop/index.ts');
        assert.throws(() => getRunningLoop().addReader(0, callback), NotSupportedError);
        await sleep(0);
      },
      { driver: 'node' },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Task } from '../../src/coroutines/index.ts';
import {
  type ExceptionContext,
  type InternetAddress,
  type Protocol,
  type Server,
  type ServerOptions,
  StateError,
  type StreamProtocol,
  type SystemError,
  type Waitable,
} from '../../src/interface/index.ts';
import { ContextVar, copyContext } from '../../src/loop/index.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { ScriptedChannel } from '../transports/scripted-channel.ts';
import { ScriptedDriver, type ScriptedListener } from './scripted-driver.ts';

const local: ServerOptions = { host: '192.0.2.1', port: 80 };

function start<T>(driver: ScriptedDriver, wait: Waitable<T>): Task<T> {
  const task = driver.loop.createTask(function* () {
    return yield* wait;
  });
  // Looked at now, so that it is not reported before the test looks at it.
  task.addDoneCallback(() => task.cancelled() || task.exception());
  driver.settle();
  return task;
}

function create(
  driver: ScriptedDriver,
  options: ServerOptions,
  factory: () => StreamProtocol = () => ({}),
): Task<Server> {
  return start(driver, driver.loop.createServer(factory, options));
}

/** A server that does not listen yet. */
function createIdle(driver: ScriptedDriver, options: ServerOptions = local): Server {
  return create(driver, { ...options, startServing: false }).result();
}

interface Serving {
  driver: ScriptedDriver;
  server: Server;
  listener: ScriptedListener;
  reports: ExceptionContext[];
}

function serve(factory: () => StreamProtocol = () => ({}), options: ServerOptions = local): Serving {
  const driver = new ScriptedDriver();
  const reports: ExceptionContext[] = [];
  driver.loop.setExceptionHandler((_loop, context) => void reports.push(context));
  const task = create(driver, options, factory);
  const listener = driver.listeners[0];
  assert.ok(listener !== undefined);
  listener.open();
  driver.settle();
  return { driver, server: task.result(), listener, reports };
}

/** A client comes. */
function accept({ driver, listener }: Serving): ScriptedChannel {
  const channel = new ScriptedChannel();
  listener.sink.connection(channel);
  driver.settle();
  return channel;
}

function asked(driver: ScriptedDriver): (string | number)[][] {
  return driver.listeners.map(({ target }) =>
    target.kind === 'internet' ? [target.host, target.port, target.family] : [target.path],
  );
}

/** Lets every listener that was asked for open, one after the other. */
function openAll(driver: ScriptedDriver): void {
  for (let i = 0; i < driver.listeners.length; i++) {
    driver.listeners[i]?.open();
    driver.settle();
  }
}

describe('the addresses of a server', () => {
  it('are all interfaces where no host is given, as the resolver has them (B-SRV-001)', () => {
    for (const host of [undefined, null, '', ['']]) {
      const driver = new ScriptedDriver();
      create(driver, { host, port: 80 });
      assert.deepEqual(
        driver.lookups.map((lookup) => [lookup.host, lookup.service, lookup.options]),
        [[null, 80, { family: undefined, flags: 1, type: 'stream' }]],
      );
    }
  });

  it('of several hosts are bound once each (B-SRV-001)', () => {
    const driver = new ScriptedDriver();
    const task = create(driver, { host: ['192.0.2.1', 'name', '192.0.2.1'], port: 80 });
    driver.lookups[0]?.answer('192.0.2.2', '192.0.2.1', '2001:db8::1', '192.0.2.2');
    driver.settle();
    openAll(driver);
    assert.deepEqual(asked(driver), [
      ['192.0.2.1', 80, 4],
      ['192.0.2.2', 80, 4],
      ['2001:db8::1', 80, 6],
    ]);
    assert.equal(task.result().sockets.length, 3);
  });

  it('must be some (B-SRV-001)', () => {
    const { loop } = new ScriptedDriver();
    assert.throws(() => loop.createServer(() => ({}), { host: [] }), RangeError);
  });

  it('are all let go if one cannot be bound, with the error of that one (B-SRV-002)', () => {
    const driver = new ScriptedDriver();
    const task = create(driver, { host: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], port: 80 });
    driver.listeners[0]?.open();
    driver.settle();
    driver.listeners[1]?.fail('EADDRINUSE', 'Cannot listen on 192.0.2.2:80');
    driver.settle();
    assert.equal((task.exception() as Error).message, 'Cannot listen on 192.0.2.2:80');
    assert.equal(driver.listeners.length, 2);
    assert.equal(driver.listeners[0]?.closed, true);
  });

  it('that this machine does not have are skipped if another works (B-SRV-002)', () => {
    for (const code of ['EADDRNOTAVAIL', 'EAFNOSUPPORT']) {
      const driver = new ScriptedDriver();
      const task = create(driver, { host: ['2001:db8::1', '192.0.2.1'], port: 80 });
      driver.listeners[0]?.fail(code);
      driver.settle();
      driver.listeners[1]?.open();
      driver.settle();
      assert.deepEqual(task.result().sockets, [{ host: '192.0.2.1', port: 80, family: 4 }]);
    }
  });

  it('that this machine does not have are an error if that is all there is (B-SRV-002)', () => {
    const driver = new ScriptedDriver();
    const task = create(driver, { host: ['2001:db8::1', '2001:db8::2'], port: 80 });
    for (const index of [0, 1]) {
      driver.listeners[index]?.fail('EADDRNOTAVAIL', `number ${index}`);
      driver.settle();
    }
    assert.equal((task.exception() as SystemError).code, 'EADDRNOTAVAIL');
  });

  it('share one port where any will do (B-EV-013)', () => {
    const driver = new ScriptedDriver();
    const task = create(driver, { port: 0 });
    driver.lookups[0]?.answer('0.0.0.0', '::');
    driver.settle();
    openAll(driver);
    assert.deepEqual(asked(driver), [
      ['0.0.0.0', 0, 4],
      ['::', 1000, 6],
    ]);
    assert.deepEqual(
      task.result().sockets.map((socket) => (socket as InternetAddress).port),
      [1000, 1000],
    );
  });

  it('try another port if the first one’s is taken at the second, five times', () => {
    const driver = new ScriptedDriver();
    const task = create(driver, { port: 0 });
    driver.lookups[0]?.answer('0.0.0.0', '::');
    driver.settle();
    for (let tries = 1; tries <= 5; tries++) {
      assert.equal(task.done(), false);
      driver.listeners.at(-1)?.open(1000 + tries);
      driver.settle();
      driver.listeners.at(-1)?.fail('EADDRINUSE');
      driver.settle();
    }
    assert.equal((task.exception() as SystemError).code, 'EADDRINUSE');
    assert.deepEqual(
      asked(driver).map(([, port]) => port),
      [0, 1001, 0, 1002, 0, 1003, 0, 1004, 0, 1005],
    );
    assert.deepEqual(
      driver.listeners.filter((listener) => listener.closed === listener.ended && listener.closed).length,
      5,
    );
  });
});

describe('a server', () => {
  it('hands its options on to the driver', () => {
    const driver = new ScriptedDriver();
    create(driver, local);
    create(driver, { ...local, backlog: 7, reusePort: true, keepAlive: true });
    assert.deepEqual(
      driver.listeners.map(({ options }) => options),
      [
        { backlog: 100, reusePort: false, keepAlive: false },
        { backlog: 7, reusePort: true, keepAlive: true },
      ],
    );
  });

  it('does not listen before it is told to (B-SERV-001)', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver);
    assert.deepEqual([driver.listeners.length, server.isServing(), server.sockets], [0, false, []]);
    const starting = start(driver, server.startServing());
    assert.deepEqual([server.isServing(), starting.done()], [false, false]);
    driver.listeners[0]?.open();
    driver.settle();
    assert.deepEqual([server.isServing(), starting.done()], [true, true]);
    start(driver, server.startServing()).result();
    assert.equal(driver.listeners.length, 1);
  });

  it('told to start twice at once listens once, and both wait for it', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver);
    const first = start(driver, server.startServing());
    const second = start(driver, server.startServing());
    assert.equal(second.done(), false);
    driver.listeners[0]?.open();
    driver.settle();
    first.result();
    second.result();
    assert.equal(driver.listeners.length, 1);
  });

  it('that could not start can try again', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver);
    const first = start(driver, server.startServing());
    const second = start(driver, server.startServing());
    driver.listeners[0]?.fail('EADDRINUSE');
    driver.settle();
    assert.equal((first.exception() as SystemError).code, 'EADDRINUSE');
    // Whoever waited for the first try makes one of his own.
    driver.listeners[1]?.open();
    driver.settle();
    second.result();
    assert.equal(server.isServing(), true);
  });

  it('that is cancelled while it starts leaves nothing open', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver, { host: ['192.0.2.1', '192.0.2.2'], port: 80 });
    const starting = start(driver, server.startServing());
    driver.listeners[0]?.open();
    driver.settle();
    starting.cancel();
    driver.settle();
    assert.equal(starting.cancelled(), true);
    assert.deepEqual([driver.listeners[0]?.closed, driver.listeners[1]?.cancelled], [true, true]);
    assert.equal(server.isServing(), false);
  });

  it('that is closed while it starts leaves nothing open', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver);
    const starting = start(driver, server.startServing());
    server.close();
    driver.listeners[0]?.open();
    driver.settle();
    assert.ok(starting.exception() instanceof StateError);
    assert.deepEqual([driver.listeners[0]?.closed, server.isServing(), server.sockets], [true, false, []]);
    start(driver, server.waitClosed()).result();
  });

  it('cannot be started once it is closed (B-SERV-002)', () => {
    const { driver, server } = serve();
    server.close();
    assert.throws(() => server.serveForever(), StateError);
    assert.ok(start(driver, server.startServing()).exception() instanceof StateError);
  });

  it('closes its listeners at once, and again does nothing', () => {
    const { server, listener } = serve();
    assert.equal(server.sockets.length, 1);
    server.close();
    assert.deepEqual([listener.closed, server.isServing(), server.sockets], [true, false, []]);
    server.close();
  });

  it('tells the loop it belongs to', () => {
    const { server, driver } = serve();
    assert.equal(server.getLoop(), driver.loop);
    assert.equal(
      String(server),
      '<Server serving sockets=[{"host":"192.0.2.1","port":80,"family":4}] connections=0>',
    );
  });

  it('is forgotten by its loop once it is closed', async () => {
    const driver = new ScriptedDriver();
    const closed = (() => {
      const task = create(driver, local);
      driver.listeners.shift()?.open();
      driver.settle();
      const server = task.result();
      server.close();
      driver.settle();
      return new WeakRef(server);
    })();
    await collectGarbage();
    assert.equal(closed.deref(), undefined);
    assert.equal(driver.loop.isClosed(), false);
  });

  it('is closed by the end of a run, unless it was before', () => {
    const serving = serve();
    serving.driver.loop.createTask(serving.driver.loop.finishTransports(0));
    serving.driver.settle();
    assert.deepEqual([serving.listener.closed, serving.server.isServing()], [true, false]);
  });
});

describe('serveForever', () => {
  it('starts, and serves until it is cancelled; then closes, waits, and lets the cancellation through (B-SERV-002)', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver);
    const forever = start(driver, server.serveForever());
    driver.listeners[0]?.open();
    driver.settle();
    assert.equal(server.isServing(), true);
    const channel = new ScriptedChannel();
    driver.listeners[0]?.sink.connection(channel);
    driver.settle();
    forever.cancel();
    driver.settle();
    assert.deepEqual([driver.listeners[0]?.closed, forever.done()], [true, false]);
    channel.receiveEnd();
    driver.settle();
    channel.finish();
    driver.settle();
    assert.equal(forever.cancelled(), true);
  });

  it('ends cancelled when the server is closed', () => {
    const { driver, server } = serve();
    const forever = start(driver, server.serveForever());
    server.close();
    driver.settle();
    assert.equal(forever.cancelled(), true);
  });

  it('cannot be called twice, also not before the first has begun (B-SERV-002)', () => {
    const { driver, server } = serve();
    const early = server.serveForever();
    const forever = start(driver, server.serveForever());
    assert.throws(() => server.serveForever(), StateError);
    assert.ok(start(driver, early).exception() instanceof StateError);
    assert.deepEqual([forever.done(), server.isServing()], [false, true]);
    forever.cancel();
    driver.settle();
  });

  it('fails if the server cannot start, and can then be called again', () => {
    const driver = new ScriptedDriver();
    const server = createIdle(driver);
    const forever = start(driver, server.serveForever());
    driver.listeners[0]?.fail('EADDRINUSE');
    driver.settle();
    assert.equal((forever.exception() as SystemError).code, 'EADDRINUSE');
    start(driver, server.serveForever());
    assert.equal(driver.listeners.length, 2);
  });
});

describe('waitClosed', () => {
  it('ends when the server is closed and its last connection is gone, for all who wait (B-SERV-003)', () => {
    const serving = serve();
    const { driver, server } = serving;
    const before = start(driver, server.waitClosed());
    const channel = accept(serving);
    server.close();
    const after = start(driver, server.waitClosed());
    assert.deepEqual([before.done(), after.done()], [false, false]);
    channel.receiveEnd();
    driver.settle();
    assert.deepEqual([before.done(), after.done()], [false, false], 'the channel is not closed yet');
    channel.finish();
    driver.settle();
    before.result();
    after.result();
    start(driver, server.waitClosed()).result();
  });

  it('waits for close, also if there is no connection (B-SERV-003)', () => {
    const { driver, server } = serve();
    const waiting = start(driver, server.waitClosed());
    assert.equal(waiting.done(), false);
    server.close();
    driver.settle();
    waiting.result();
  });

  it('does not hang if server and last client close in one turn, in either order (B-SERV-004)', () => {
    for (const serverFirst of [true, false]) {
      const serving = serve();
      const { driver, server } = serving;
      const channel = accept(serving);
      const waiting = start(driver, server.waitClosed());
      if (serverFirst) server.close();
      server.closeClients();
      if (!serverFirst) server.close();
      driver.settle();
      channel.finish();
      driver.settle();
      waiting.result();
    }
  });

  it('can be cancelled without harm to others', () => {
    const { driver, server } = serve();
    const cancelled = start(driver, server.waitClosed());
    const other = start(driver, server.waitClosed());
    cancelled.cancel();
    driver.settle();
    server.close();
    driver.settle();
    assert.deepEqual([cancelled.cancelled(), other.cancelled(), other.done()], [true, false, true]);
  });
});

describe('the connections of a server', () => {
  it('get a protocol each, and are told of it', () => {
    const made: Protocol[] = [];
    let count = 0;
    const serving = serve(() => ({
      connectionMade() {
        made.push(this);
      },
      number: count++,
    }));
    accept(serving);
    accept(serving);
    assert.equal(new Set(made).size, 2);
    assert.deepEqual(serving.reports, []);
  });

  it('are closed, or aborted, all at once if asked', () => {
    for (const [method, last] of [
      ['closeClients', 'close'],
      ['abortClients', 'abort'],
    ] as const) {
      const serving = serve();
      const channels = [accept(serving), accept(serving)];
      serving.server[method]();
      serving.driver.settle();
      assert.deepEqual(
        channels.map(({ asked }) => asked.at(-1)),
        [last, last],
      );
      assert.equal(serving.server.isServing(), true);
    }
  });

  it('beyond the most that are wanted are closed as they come', () => {
    const serving = serve(() => ({}), { ...local, maxConnections: 1 });
    const first = accept(serving);
    const second = accept(serving);
    assert.deepEqual([first.asked, second.asked], [['read'], ['abort']]);
    serving.server.abortClients();
    serving.driver.settle();
    first.finish();
    assert.deepEqual(accept(serving).asked, ['read']);
    assert.throws(() => serve(() => ({}), { ...local, maxConnections: -1 }), RangeError);
  });

  it('that come when the server is closed are closed', () => {
    const serving = serve();
    serving.server.close();
    assert.deepEqual(accept(serving).asked, ['abort']);
  });

  it('that come to the first address while the second is being bound are served', () => {
    const driver = new ScriptedDriver();
    const task = create(driver, { host: ['192.0.2.1', '192.0.2.2'], port: 80 });
    const [first] = driver.listeners;
    first?.open();
    driver.settle();
    const channel = new ScriptedChannel();
    first?.sink.connection(channel);
    driver.settle();
    assert.deepEqual(channel.asked, ['read']);
    driver.listeners[1]?.fail('EADDRINUSE');
    driver.settle();
    assert.ok(task.exception() instanceof Error);
    assert.equal(channel.asked.at(-1), 'abort', 'there is no server that they could belong to');
  });

  it('whose factory fails, or makes no protocol, are closed, and it is reported', () => {
    const failure = new Error('no');
    for (const factory of [
      () => {
        throw failure;
      },
      () => undefined as never,
    ]) {
      const serving = serve(factory);
      assert.deepEqual(accept(serving).asked, ['abort']);
      assert.equal(serving.reports.length, 1);
      const [report] = serving.reports;
      assert.equal(report?.message, 'Cannot serve a connection: the factory made no protocol');
      assert.equal(report?.server, serving.server);
      assert.ok(report?.exception === failure || report?.exception instanceof TypeError);
      assert.equal(serving.server.isServing(), true);
      serving.server.close();
      start(serving.driver, serving.server.waitClosed()).result();
    }
  });

  it('that cannot be accepted for now are reported (B-SRV-004)', () => {
    const { listener, reports, server } = serve();
    const trouble = new Error('too many open files');
    listener.sink.troubled(trouble);
    assert.deepEqual(reports, [{ message: 'Cannot accept connections for now', exception: trouble, server }]);
  });

  it('are served in the context of whoever made the server, a copy for each (B-UV-034)', () => {
    const variable = new ContextVar<string>('who', { default: 'nobody' });
    const seen: string[] = [];
    const see = (name: string) => void seen.push(`${name} ${variable.get()}`);
    let count = 0;
    const factory = (): Protocol => {
      see('factory');
      variable.set(`connection ${++count}`);
      return {
        connectionMade: () => see('connectionMade'),
        dataReceived: () => see('dataReceived'),
        connectionLost: () => see('connectionLost'),
      };
    };
    const serving = copyContext().run(() => {
      variable.set('creator');
      return serve(factory);
    });
    copyContext().run(() => {
      variable.set('somebody else');
      for (const channel of [accept(serving), accept(serving)]) channel.receive('x');
      serving.server.closeClients();
      serving.driver.settle();
    });
    assert.deepEqual(seen, [
      'factory creator',
      'connectionMade connection 1',
      'factory creator',
      'connectionMade connection 2',
      'dataReceived connection 1',
      'dataReceived connection 2',
      'connectionLost connection 1',
      'connectionLost connection 2',
    ]);
  });
});

describe('stop', () => {
  it('lets connections end by themselves for a while, then aborts them, and waits', () => {
    const serving = serve();
    const { driver, server, listener } = serving;
    const quick = accept(serving);
    const slow = accept(serving);
    const stopping = start(driver, server.stop({ grace: 100 }));
    assert.equal(listener.closed, true);
    driver.advance(99);
    quick.receiveEnd();
    driver.settle();
    quick.finish();
    assert.equal(slow.asked.includes('abort'), false);
    driver.advance(1);
    assert.equal(slow.asked.at(-1), 'abort');
    assert.equal(stopping.done(), false);
    slow.finish();
    driver.settle();
    stopping.result();
  });

  it('does not wait longer than the connections last', () => {
    const serving = serve();
    const { driver, server } = serving;
    const channel = accept(serving);
    const stopping = start(driver, server.stop({ grace: 60_000 }));
    channel.receiveEnd();
    driver.settle();
    channel.finish();
    driver.settle();
    stopping.result();
    assert.equal(driver.loop.timeUntilNextTimer(), null);
  });

  it('gives no grace unless told to', () => {
    const serving = serve();
    const channel = accept(serving);
    start(serving.driver, serving.server.stop());
    assert.equal(channel.asked.at(-1), 'abort');
  });
});

describe('what createServer and createUnixServer are given', () => {
  const { loop } = new ScriptedDriver();
  const factory = () => ({});
  const socket = { fd: 9, family: 4, type: 'stream', close() {} } as const;

  it('is host and port, or a socket where the driver has sockets (B-SRV-001)', () => {
    assert.throws(() => loop.createServer(factory, { port: 80, socket }), RangeError);
    assert.throws(() => loop.createServer(factory, { host: '', socket }), RangeError);
    assert.throws(() => loop.createServer(factory, { socket }), {
      name: 'NotSupportedError',
      feature: 'sockets',
    });
    assert.throws(() => loop.createUnixServer(factory, {}), RangeError);
    assert.throws(() => loop.createUnixServer(factory, { path: '/x', socket }), RangeError);
    assert.throws(() => loop.createUnixServer(factory, { socket }), { name: 'NotSupportedError' });
  });

  it('has an integer for a backlog (B-UV-022)', () => {
    for (const create of [
      (backlog: unknown) => loop.createServer(factory, { port: 80, backlog: backlog as number }),
      (backlog: unknown) => loop.createUnixServer(factory, { path: '/x', backlog: backlog as number }),
    ]) {
      for (const nonsense of ['1', 1.5, Number.NaN, null, {}])
        assert.throws(() => create(nonsense), TypeError);
      assert.throws(() => create(-1), RangeError);
    }
  });

  it('is looked at in the call', () => {
    assert.throws(() => loop.createServer({} as never), TypeError);
    assert.throws(() => loop.createServer(factory, { host: 7 as never }), TypeError);
    assert.throws(() => loop.createServer(factory, { host: ['name', 7 as never] }), TypeError);
    assert.throws(() => loop.createServer(factory, { port: 65_536 }), RangeError);
    assert.throws(() => loop.createServer(factory, { host: 'a\0b' }), RangeError);
    assert.throws(() => loop.createServer(factory, { maxConnections: Number.NaN }), RangeError);
    assert.throws(() => loop.createUnixServer(factory, { path: 7 as never }), TypeError);
    assert.throws(() => loop.createUnixServer(factory, { path: '' }), RangeError);
    assert.throws(() => loop.createUnixServer(factory, { path: '/a\0b' }), RangeError);
    assert.throws(() => loop.createUnixConnection(factory, { path: '' }), RangeError);
    assert.throws(() => loop.createServer(factory, { ssl: {} }), {
      name: 'NotSupportedError',
      feature: 'tls',
    });
    assert.throws(() => loop.createServer(factory, { sslHandshakeTimeout: 1 }), RangeError);
  });

  it('starts no server by the keynote’s name for it that createServer would not', () => {
    const driver = new ScriptedDriver();
    start(driver, driver.loop.startServing(factory, local));
    assert.deepEqual(asked(driver), [['192.0.2.1', 80, 4]]);
  });
});

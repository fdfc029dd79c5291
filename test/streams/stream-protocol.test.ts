import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coroutine, currentTask, task as taskFunction } from '../../src/coroutines/index.ts';
import type { ExceptionContext, Suspension, Task } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import {
  type ClientHandler,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  startServer,
} from '../../src/streams/index.ts';
import { runSimulated } from '../support/simulated.ts';
import { FakeTransport } from './fake-transport.ts';

type Body = () => Generator<Suspension, void, unknown> | Promise<void>;

function test(name: string, body: Body): void {
  it(name, () => runSimulated(body));
}

/** A connection that a server has just accepted, and what is reported of it. */
function accept(onClient: ClientHandler) {
  const loop = getRunningLoop();
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  const reader = new StreamReader();
  const protocol = new StreamReaderProtocol(reader, { onClient });
  const transport = new FakeTransport(loop, protocol);
  protocol.connectionMade(transport);
  return { reader, protocol, transport, reports };
}

function* turns(count: number): Generator<Suspension, void, unknown> {
  for (let i = 0; i < count; i += 1) yield;
}

/** A promise of the host's, which no loop knows. */
async function nativeTurn(): Promise<void> {
  await null;
}

/** Every kind of function that may handle a client by echoing one line. */
const echoes: [string, ClientHandler][] = [
  [
    'a generator function',
    function* (reader, writer) {
      writer.writeNow(yield* reader.readLine());
    },
  ],
  [
    'an async function',
    async (reader, writer) => {
      writer.writeNow(await reader.readLine());
    },
  ],
  [
    'a coroutine function',
    coroutine(function* (reader: StreamReader, writer: StreamWriter) {
      writer.writeNow(yield* reader.readLine());
    }),
  ],
  [
    'a task function',
    taskFunction(function* (reader: StreamReader, writer: StreamWriter) {
      writer.writeNow(yield* reader.readLine());
    }),
  ],
  [
    'a plain function that returns a promise',
    (reader, writer) =>
      (async () => {
        await nativeTurn();
        writer.writeNow(await reader.readLine());
      })(),
  ],
];

describe('StreamReaderProtocol', () => {
  test('calls a plain client handler from inside connectionMade (B-STR-021)', function* () {
    let called: { reader: StreamReader; writer: StreamWriter } | null = null;
    const { reader, transport, reports } = accept((reader, writer) => {
      called = { reader, writer };
      return 'nothing that can be waited for';
    });
    assert.ok(called !== null);
    const { reader: given, writer } = called as { reader: StreamReader; writer: StreamWriter };
    assert.equal(given, reader);
    assert.ok(writer instanceof StreamWriter);
    writer.writeNow('hello');
    assert.equal(transport.text, 'hello');
    yield* turns(3);
    assert.equal(transport.isClosing(), false);
    assert.deepEqual(reports, []);
  });

  for (const [kind, echo] of echoes) {
    test(`waits for what ${kind} does with the client`, function* () {
      const { protocol, transport, reports } = accept(echo);
      yield* turns(5);
      protocol.dataReceived(new TextEncoder().encode('line\nrest'));
      while (transport.text === '') yield;
      assert.equal(transport.text, 'line\n');
      yield* turns(3);
      assert.equal(transport.isClosing(), false);
      assert.deepEqual(reports, []);
    });
  }

  for (const [kind, handle] of [
    [
      'a plain function',
      () => {
        throw new Error('failed');
      },
    ],
    [
      'a generator function',
      function* () {
        yield;
        throw new Error('failed');
      },
    ],
    [
      'an async function',
      async () => {
        await nativeTurn();
        throw new Error('failed');
      },
    ],
    [
      'a task function',
      taskFunction(function* () {
        yield;
        throw new Error('failed');
      }),
    ],
  ] satisfies [string, ClientHandler][]) {
    test(`reports the failure of ${kind}, once, and closes the connection`, function* () {
      const { transport, reports } = accept(handle);
      while (!transport.isClosing()) yield;
      yield* turns(5);
      assert.equal(reports.length, 1);
      assert.match(String(reports[0]?.exception), /failed/);
      assert.equal(reports[0]?.transport, transport);
    });
  }

  for (const [kind, wait] of [
    [
      'a generator function',
      function* (reader: StreamReader) {
        yield* reader.readLine();
      },
    ],
    [
      'an async function',
      async (reader: StreamReader) => {
        await reader.readLine();
      },
    ],
    ['a plain function that returns a coroutine', (reader: StreamReader) => reader.readLine()],
  ] as [string, ClientHandler][]) {
    test(`closes the connection, silently, when the task of ${kind} is cancelled`, function* () {
      let handling: Task<unknown> | null = null;
      const { reader, transport, reports } = accept((reader, writer) => {
        handling = currentTask();
        return wait(reader, writer);
      });
      assert.ok(handling !== null);
      yield* turns(3);
      assert.equal(transport.isClosing(), false);
      (handling as Task<unknown>).cancel();
      while (!transport.isClosing()) yield;
      yield* turns(5);
      assert.deepEqual(reports, []);
      assert.equal(reader.atEof(), true);
    });
  }

  test('knows the current task throughout an async handler', function* () {
    const tasks: (Task<unknown> | null)[] = [];
    const { protocol } = accept(async (reader) => {
      tasks.push(currentTask());
      await reader.readLine();
      tasks.push(currentTask());
      await nativeTurn();
      tasks.push(currentTask());
    });
    protocol.dataReceived(new TextEncoder().encode('\n'));
    while (tasks.length < 3) yield;
    assert.ok(tasks[0] !== null);
    assert.deepEqual(tasks, [tasks[0], tasks[0], tasks[0]]);
  });

  test('feeds the reader, and stays half open at the end', function* () {
    const reader = new StreamReader();
    const protocol = new StreamReaderProtocol(reader);
    const transport = new FakeTransport(getRunningLoop(), protocol);
    assert.equal(protocol.transport, null);
    protocol.connectionMade(transport);
    assert.equal(protocol.transport, transport);
    protocol.dataReceived(new TextEncoder().encode('data'));
    assert.equal(protocol.eofReceived(), true);
    assert.equal((yield* reader.read()).length, 4);
  });

  test('closes at the end where there is TLS, which cannot be half open', async () => {
    const protocol = new StreamReaderProtocol(new StreamReader());
    const transport = new FakeTransport(getRunningLoop(), protocol);
    transport.extra['tlsContext'] = {};
    protocol.connectionMade(transport);
    assert.equal(protocol.eofReceived(), false);
  });

  test('closes at the second of two ends, if ours was final', function* () {
    const reader = new StreamReader();
    const protocol = new StreamReaderProtocol(reader);
    const transport = new FakeTransport(getRunningLoop(), protocol);
    protocol.connectionMade(transport);
    yield* new StreamWriter(transport, protocol.flow, { reader }).end();
    assert.equal(protocol.eofReceived(), false);
  });

  test('gives the reader the error by which the connection was lost', async () => {
    const reader = new StreamReader();
    const protocol = new StreamReaderProtocol(reader);
    protocol.connectionMade(new FakeTransport(getRunningLoop(), protocol));
    const error = new Error('lost');
    protocol.connectionLost(error);
    assert.equal(reader.exception(), error);
  });

  test('startServer wants a function, and a limit above 0 (B-STR-013)', async () => {
    assert.throws(() => startServer(null as unknown as ClientHandler, {}), TypeError);
    assert.throws(() => startServer(() => {}, { limit: 0 }), RangeError);
  });
});

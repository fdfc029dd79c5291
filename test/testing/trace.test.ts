import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TraceEvent } from '../../src/drivers/simulation/index.ts';
import { createTask, gather, run, sleep, wait } from '../../src/index.ts';
import type { TaskSource } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { type SimTestOptions, simTest, simulate, type TestFunction } from '../../src/testing/index.ts';
import { Trace } from '../../src/testing/trace.ts';
import { traceTasks } from '../../src/testing/trace-tasks.ts';
import { keepTrace, writeTrace } from '../../src/testing/write-trace.ts';
import { manyEvents, sampleEvents } from './trace-samples.ts';

function traceOf(events: readonly TraceEvent[], eventsMax?: number): Trace {
  const trace = new Trace(eventsMax === undefined ? {} : { eventsMax });
  for (const event of events) trace.note(event);
  return trace;
}

function said(time: number, text: string): TraceEvent {
  return { time, host: 'a', kind: 'said', text };
}

function inFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'tulipa-trace-'));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a trace', () => {
  it('keeps all events, as long as there are no more than it is to keep', () => {
    const trace = traceOf([said(0, '1'), said(1, '2'), said(2, '3')], 3);
    assert.deepEqual([trace.count, trace.omitted], [3, 0]);
    assert.deepEqual(
      trace.events.map(({ text }) => text),
      ['1', '2', '3'],
    );
  });

  it('keeps the last ones of more, in order, and says how many it has left out', () => {
    const trace = new Trace({ eventsMax: 3 });
    for (let number = 1; number <= 11; number++) {
      trace.note(said(number, `${number}`));
      const last = [number - 2, number - 1, number].filter((each) => each > 0).map(String);
      assert.deepEqual(
        trace.events.map(({ text }) => text),
        last,
      );
    }
    assert.deepEqual([trace.count, trace.omitted], [11, 8]);
    assert.match(trace.toString(), /^8 earlier events left out\n/);
    assert.deepEqual(
      trace.last(2).map(({ text }) => text),
      ['10', '11'],
    );
    assert.equal(trace.last(50).length, 3);
    assert.equal(trace.last(0).length, 0);
  });

  it('keeps none if it is told so, and has the digest all the same', () => {
    const events = sampleEvents();
    const trace = traceOf(events, 0);
    assert.deepEqual([trace.count, trace.omitted, trace.events], [events.length, events.length, []]);
    assert.equal(trace.digest(), traceOf(events).digest());
  });

  it('refuses to keep a number of events that is none', () => {
    for (const eventsMax of [-1, 0.5, Number.NaN, Infinity])
      assert.throws(() => new Trace({ eventsMax }), RangeError);
  });

  it('has a digest of all events there were, the same in every runtime', () => {
    // Written down once: what comes out must never depend on where it is computed.
    assert.equal(
      traceOf(sampleEvents()).digest(),
      'dcbb3e52ec25db2eba2411fb71eb21bc7899471dadfc2a35927f27f23296d116',
    );
    const many = manyEvents(3000);
    assert.equal(traceOf(many).digest(), 'cd4a07a344c7cc4166676b9908810e6fabf0c817ec47487ad32d6761575441e4');
    assert.equal(traceOf(many, 10).digest(), traceOf(many).digest());
  });

  it('has another digest whatever is different', () => {
    const event: TraceEvent = {
      time: 1,
      host: 'a',
      kind: 'task',
      text: 't',
      task: 1,
      name: 'n',
      state: 'done',
    };
    const digests = new Set([
      traceOf([]).digest(),
      traceOf([event]).digest(),
      traceOf([event, event]).digest(),
      ...(
        [
          { time: 1.0000000001 },
          { host: 'b' },
          { host: null },
          { kind: 'said' },
          { text: 't\n' },
          { task: 2 },
          { name: '' },
          { state: 'failed' },
          { message: 1 },
          { peer: 'b' },
        ] as const
      ).map((change) => traceOf([{ ...event, ...change } as TraceEvent]).digest()),
    ]);
    assert.equal(digests.size, 13);
  });

  it('may be asked for its digest again and again while it grows', () => {
    const events = manyEvents(500);
    const asked = new Trace();
    for (const event of events) {
      asked.note(event);
      asked.digest();
    }
    assert.equal(asked.digest(), traceOf(events).digest());
  });
});

describe('the text of a trace', () => {
  it('is aligned, with arrows for messages and a line where long nothing happens', () => {
    const events: TraceEvent[] = [
      { time: 0, host: 'client', kind: 'host', text: 'starts', state: 'up' },
      { time: 0.5, host: 'client', kind: 'sent', text: 'SYN', message: 1, peer: 'db' },
      { time: 1, host: 'db', kind: 'arrived', text: 'SYN', message: 1, peer: 'client' },
      {
        time: 1.0005,
        host: 'db',
        kind: 'task',
        text: 'task 1 main goes on',
        task: 1,
        name: 'main',
        state: 'running',
      },
      { time: 1, host: 'db', kind: 'lost', text: 'SYN-ACK', message: 2, peer: 'client' },
      { time: 2_400_001, host: null, kind: 'fault', text: 'the moon rises' },
      { time: 2_400_001.25, host: 'db', kind: 'said', text: 'one\ntwo \u001b[31m' },
    ];
    assert.equal(
      traceOf(events).toString(),
      [
        '      0.000  client  host: starts',
        '      0.500  client  --> db #1  SYN',
        '      1.000  db      <-- client #1  SYN',
        '      1.001  db      task 1 main goes on',
        '      1.000  db      -x- client #2  SYN-ACK',
        '             ... 40 min 0 s',
        '2400001.000          fault: the moon rises',
        '2400001.250  db      "one\\ntwo \\u001b[31m"',
        '',
      ].join('\n'),
    );
  });

  it('says so where there is nothing', () => {
    assert.equal(String(new Trace()), 'no events\n');
  });

  it('is the same for the same events', () => {
    assert.equal(String(traceOf(manyEvents(2000))), String(traceOf(manyEvents(2000))));
  });
});

describe('a file for a trace', () => {
  it('is a page or a text, by its name', () => {
    inFolder((folder) => {
      const trace = traceOf(sampleEvents());
      writeTrace(trace, join(folder, 'a.txt'));
      writeTrace(trace, join(folder, 'a.HTML'), { title: 'A title' });
      assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), trace.toString());
      assert.equal(readFileSync(join(folder, 'a.HTML'), 'utf8'), trace.toHtml({ title: 'A title' }));
    });
  });

  it('is refused with a name that does not say what it is to be', () => {
    for (const name of ['trace', 'trace.pdf', 'trace.html.gz'])
      assert.throws(() => writeTrace(new Trace(), name), {
        name: 'RangeError',
        message: /\.html nor in \.txt/,
      });
  });

  it('that cannot be written is named, with the reason', () => {
    const path = join(tmpdir(), 'there is no such folder', 'a.txt');
    assert.throws(
      () => writeTrace(new Trace(), path),
      (error: Error) => error.message.includes(path) && (error.cause as { code?: string }).code === 'ENOENT',
    );
  });

  it('is written where TULIPA_TRACE says, and nowhere without; a failure to is told, not thrown', (context) => {
    inFolder((folder) => {
      const told: string[] = [];
      context.mock.method(process.stderr, 'write', (text: string) => told.push(text) > 0);
      const before = process.env['TULIPA_TRACE'];
      try {
        delete process.env['TULIPA_TRACE'];
        keepTrace(new Trace(), 'title', null);
        assert.deepEqual(told, []);
        const file = join(folder, 'trace.txt');
        process.env['TULIPA_TRACE'] = file;
        keepTrace(traceOf([said(1, 'x')]), 'title', { error: new RangeError('too\nfar') });
        assert.match(readFileSync(file, 'utf8'), /"x"\nfailed: RangeError: too\n$/);
        process.env['TULIPA_TRACE'] = join(folder, 'trace.png');
        keepTrace(new Trace(), 'title', null);
      } finally {
        if (before === undefined) delete process.env['TULIPA_TRACE'];
        else process.env['TULIPA_TRACE'] = before;
        context.mock.restoreAll();
      }
      assert.match(
        told.join(''),
        /^The trace is in .*trace\.txt\nCannot write the trace to .*trace\.png: .*\n$/,
      );
    });
  });
});

describe('the trace of a test that is a simulation', () => {
  type Body = (context: unknown) => unknown;

  /** What is in the file that the environment names, after a test with that scenario; '' if there is none. */
  async function writtenBy(
    scenario: () => Promise<void>,
    options: SimTestOptions,
    replay?: string,
  ): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'tulipa-trace-'));
    const file = join(folder, 'trace.txt');
    const { TULIPA_TRACE, TULIPA_SEED } = process.env;
    const test = (_name: string, _settings: unknown, body: Body) => body({ diagnostic: () => {} });
    try {
      process.env['TULIPA_TRACE'] = file;
      if (replay !== undefined) process.env['TULIPA_SEED'] = replay;
      const ended = simTest('a test', { ...options, test: test as TestFunction }, scenario);
      await (ended as Promise<void>).catch(() => null);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    } finally {
      restore('TULIPA_TRACE', TULIPA_TRACE);
      restore('TULIPA_SEED', TULIPA_SEED);
      rmSync(folder, { recursive: true });
    }
  }

  function restore(name: string, value: string | undefined): void {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }

  const fails = async () => {
    await sleep(250);
    throw new RangeError('too far');
  };
  const ends = async () => {
    await sleep(250);
  };

  it('is written if it fails, or if it is repeated, and not otherwise', async () => {
    for (const options of [{}, { seeds: 2 }] satisfies SimTestOptions[]) {
      assert.match(await writtenBy(fails, options), /\n *250\.000 .*\nfailed: RangeError: too far\n$/s);
      assert.equal(await writtenBy(ends, options), '');
      assert.match(await writtenBy(ends, options, '1'), /\n *250\.000 /);
    }
  });
});

describe('the tasks in a trace', () => {
  /** What is told of a task that is called main, and of what it makes; durations left out, which are real here. */
  async function traced(main: TaskSource<unknown>): Promise<string[]> {
    const lines: string[] = [];
    await run(function* () {
      const loop = getRunningLoop();
      const stop = traceTasks(
        (other) => (other === loop ? 'here' : null),
        ({ host, kind, text, task, state }) => {
          lines.push(`${host} ${kind} ${task} ${state}: ${text.replace(/[\d.]+ ms/, '… ms')}`);
        },
      );
      const task = createTask(main, { name: 'main' });
      yield* wait([task]);
      task.exception();
      stop();
      yield* createTask(function* unseen() {});
    });
    return lines;
  }

  it('are told of when they are made, go on, wait, and return', async () => {
    const lines = await traced(function* () {
      yield* sleep(1);
      yield* createTask(function* child() {
        yield;
      });
    });
    assert.deepEqual(lines, [
      'here task 1 created: task 1 main is made',
      'here task 1 running: task 1 main goes on',
      'here task 1 waiting: task 1 main waits for … ms to go by',
      'here task 1 running: task 1 main goes on',
      'here task 2 created: task 2 child is made',
      'here task 1 waiting: task 1 main waits for task 2 child',
      'here task 2 running: task 2 child goes on',
      'here task 2 running: task 2 child goes on',
      'here task 2 done: task 2 child returns',
      'here task 1 running: task 1 main goes on',
      'here task 1 done: task 1 main returns',
    ]);
  });

  it('are told of in async functions too', async () => {
    const lines = await traced(async () => {
      const child = createTask(async function child() {
        await sleep(1000);
      });
      await null;
      child.cancel();
      await gather([child], { returnExceptions: true });
      throw new RangeError('too far');
    });
    assert.deepEqual(
      lines.filter((line) => /child|main/.test(line) && !/gather is|goes on/.test(line)),
      [
        'here task 1 created: task 1 main is made',
        'here task 2 created: task 2 child is made',
        'here task 1 waiting: task 1 main waits for gather of task 2 child',
        'here task 2 waiting: task 2 child waits for task 3 sleep',
        'here task 2 cancelled: task 2 child is cancelled',
        'here task 1 failed: task 1 main fails: RangeError: too far',
      ],
    );
  });

  it('are told of with numbers of their hosts, and never with names that the process has counted', async () => {
    const texts = async () => {
      const trace = new Trace();
      await simulate(
        async (sim) => {
          const work = async () => {
            await Promise.all([createTask(async () => sleep(5)), sleep(7)]);
          };
          sim.host('a', work);
          sim.host('b', work);
          await sleep(100);
        },
        { trace, seed: 5 },
      );
      return trace;
    };
    const [one, other] = [await texts(), await texts()];
    assert.equal(String(one), String(other));
    assert.equal(one.digest(), other.digest());
    assert.doesNotMatch(String(one), /Task-\d/);
    for (const host of ['a', 'b', 'test']) {
      const made = one.events.filter((event) => event.host === host && event.state === 'created');
      assert.deepEqual(
        made.map(({ task }) => task),
        made.map((_, index) => index + 1),
      );
      assert.ok(made.length > 0);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  type BufferedProtocol,
  type Protocol,
  StateError,
  type StreamProtocol,
  SystemError,
} from '../../src/interface/index.ts';
import { ContextVar, copyContext } from '../../src/loop/index.ts';
import { StreamTransport } from '../../src/transports/index.ts';
import { ManualLoop } from './manual-loop.ts';
import { ScriptedChannel } from './scripted-channel.ts';

const reset = new SystemError('Cannot use the connection: connection reset by peer (ECONNRESET)', {
  code: 'ECONNRESET',
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** Notes what it is called with, and does what the test wants done in `on`. */
class Recorder implements Protocol {
  readonly calls: string[] = [];
  on: { [Name in keyof Protocol]?: () => unknown } = {};

  connectionMade(): void {
    this.#called('connectionMade', '');
  }

  dataReceived(data: Uint8Array): void {
    this.#called('dataReceived', text(data));
  }

  eofReceived(): boolean {
    return this.#called('eofReceived', '') === true;
  }

  pauseWriting(): void {
    this.#called('pauseWriting', '');
  }

  resumeWriting(): void {
    this.#called('resumeWriting', '');
  }

  connectionLost(error: Error | null): void {
    this.#called('connectionLost', error === null ? 'null' : error === reset ? 'reset' : error.message);
  }

  #called(name: keyof Protocol, argument: string): unknown {
    this.calls.push(argument === '' ? name : `${name} ${argument}`);
    return this.on[name]?.();
  }
}

/** Has a buffer of its own; `parts` is what came through it. */
class Buffered implements BufferedProtocol {
  readonly parts: string[] = [];
  readonly hints: number[] = [];
  readonly calls: string[] = [];
  onUpdate: () => void = () => {};
  readonly #buffer: Uint8Array;

  constructor(size: number) {
    this.#buffer = new Uint8Array(size);
  }

  getBuffer(hint: number): Uint8Array {
    this.hints.push(hint);
    return this.#buffer;
  }

  bufferUpdated(byteCount: number): void {
    this.parts.push(text(this.#buffer.subarray(0, byteCount)));
    this.onUpdate();
  }

  eofReceived(): void {
    this.calls.push('eofReceived');
  }

  connectionLost(error: Error | null): void {
    this.calls.push(`connectionLost ${error === null ? 'null' : error.message}`);
  }
}

interface Opened {
  loop: ManualLoop;
  channel: ScriptedChannel;
  transport: StreamTransport;
  gone: () => boolean;
}

function open<P extends StreamProtocol>(
  protocol: P,
  options: { room?: number; fd?: number; debug?: boolean } = {},
): Opened & { protocol: P } {
  const loop = new ManualLoop();
  loop.debug = options.debug === true;
  const channel = new ScriptedChannel(options);
  const attached = new Set<StreamTransport>();
  const keeper = {
    attach: (transport: StreamTransport) => void attached.add(transport),
    detach: (transport: StreamTransport) => void attached.delete(transport),
  };
  const transport = new StreamTransport(loop, channel, protocol, [keeper]);
  assert.deepEqual([...attached], [transport]);
  transport.begin(() => {});
  loop.settle();
  return { loop, channel, transport, protocol, gone: () => attached.size === 0 };
}

/** The same with a protocol that has noted its beginning and forgotten it. */
function openRecorded(options?: Parameters<typeof open>[1]): Opened & { protocol: Recorder } {
  const opened = open(new Recorder(), options);
  opened.protocol.calls.length = 0;
  opened.channel.asked.length = 0;
  return opened;
}

function catchWarnings(test: TestContext): string[] {
  const names: string[] = [];
  test.mock.method(process, 'emitWarning', (_message: string, name: string) => void names.push(name));
  return names;
}

describe('a stream transport at its beginning', () => {
  it('queues connectionMade, then reading, then the word to the creator, each by itself (B-SEL-007)', () => {
    const loop = new ManualLoop();
    const channel = new ScriptedChannel();
    const seen: string[] = [];
    const transport = new StreamTransport(
      loop,
      channel,
      { connectionMade: (made) => void seen.push(made === transport ? 'made' : 'other', ...channel.asked) },
      [],
    );
    transport.begin(() => seen.push(...channel.asked, 'started'));
    assert.deepEqual([seen, channel.asked, loop.queued], [[], [], 3]);
    loop.turn();
    assert.deepEqual(seen, ['made', 'read', 'started']);
  });

  it('reads nothing before connectionMade has let it: pausing there prevents the first read (B-SEL-008)', () => {
    const channel = new ScriptedChannel();
    const loop = new ManualLoop();
    const transport = new StreamTransport(
      loop,
      channel,
      { connectionMade: () => transport.pauseReading() },
      [],
    );
    transport.begin(() => {});
    loop.settle();
    assert.equal(channel.reading, false);
    assert.equal(channel.asked.includes('read'), false);
    assert.equal(transport.isReading(), false);
    transport.resumeReading();
    assert.equal(channel.reading, true);
  });

  it('does not read if connectionMade closed it, and still tells the creator (B-UV-018)', () => {
    for (const end of ['close', 'abort'] as const) {
      const channel = new ScriptedChannel();
      const loop = new ManualLoop();
      const protocol = new Recorder();
      const transport = new StreamTransport(loop, channel, protocol, []);
      protocol.on.connectionMade = () => transport[end]();
      transport.begin(() => protocol.calls.push('started'));
      loop.settle();
      assert.deepEqual(protocol.calls, ['connectionMade', 'started', 'connectionLost null']);
      assert.equal(channel.asked.includes('read'), false);
      assert.equal(channel.asked.at(-1), end);
    }
  });

  it('reports what connectionMade throws, goes on, and is closed as usual (B-UV-017)', () => {
    const loop = new ManualLoop();
    const channel = new ScriptedChannel();
    const protocol = new Recorder();
    const failure = new Error('no');
    protocol.on.connectionMade = () => {
      throw failure;
    };
    const transport = new StreamTransport(loop, channel, protocol, []);
    let started = false;
    transport.begin(() => {
      started = true;
    });
    loop.settle();
    assert.deepEqual(loop.reports, [
      { message: 'protocol.connectionMade() failed', exception: failure, transport, protocol },
    ]);
    assert.deepEqual([started, transport.isClosing(), channel.reading], [true, false, true]);
    transport.close();
    loop.settle();
    assert.deepEqual(protocol.calls, ['connectionMade', 'connectionLost null']);
  });

  it('tells of a loss before connectionMade only after it', () => {
    const loop = new ManualLoop();
    const channel = new ScriptedChannel();
    const protocol = new Recorder();
    const transport = new StreamTransport(loop, channel, protocol, []);
    transport.begin(() => protocol.calls.push('started'));
    channel.fail(reset);
    loop.settle();
    assert.deepEqual(protocol.calls, ['connectionMade', 'started', 'connectionLost reset']);
    assert.equal(channel.asked.includes('read'), false);
  });

  it('takes a protocol with no methods at all (B-PR-001)', () => {
    const { loop, channel, transport, gone } = open({}, { room: 0 });
    channel.receive('nobody listens');
    transport.setWriteBufferLimits({ high: 0 });
    transport.write(bytes('x'));
    channel.take();
    channel.receiveEnd();
    loop.settle();
    assert.equal(transport.isClosing(), true);
    channel.finish();
    assert.deepEqual([loop.reports, gone()], [[], true]);
  });

  it('refuses a protocol that is none', () => {
    const { transport } = openRecorded();
    for (const nonsense of [null, undefined, 'x', () => {}]) {
      assert.throws(() => transport.setProtocol(nonsense as never), TypeError);
    }
  });
});

describe('the extra information of a stream transport', () => {
  it('is what is known, else what was given in its place, else null (B-TR-001)', () => {
    const { transport, loop, channel } = openRecorded();
    assert.equal(transport.getExtraInfo('sockname'), channel.localAddress);
    assert.equal(transport.getExtraInfo('peername'), channel.remoteAddress);
    assert.equal(transport.getExtraInfo('fd'), null);
    assert.equal(transport.getExtraInfo('fd', 'none'), 'none');
    assert.equal(transport.getExtraInfo('tlsContext'), null);
    assert.equal(transport.getExtraInfo('tlsContext', 7), 7);
    transport.abort();
    loop.settle();
    channel.finish();
    assert.equal(transport.getExtraInfo('peername'), channel.remoteAddress);
  });

  it('has the descriptor where the channel has one', () => {
    assert.equal(openRecorded({ fd: 5 }).transport.getExtraInfo('fd'), 5);
  });
});

describe('reading from a stream transport', () => {
  it('hands on what arrives, as the receiver’s own bytes', () => {
    const kept: Uint8Array[] = [];
    const { channel } = open({ dataReceived: (data: Uint8Array) => void kept.push(data) });
    channel.receive('lent', true);
    channel.receive('x'.repeat(5000), true);
    channel.receive('given', false);
    channel.receive('lent again', true);
    assert.deepEqual(kept.map(text), ['lent', 'x'.repeat(5000), 'given', 'lent again']);
  });

  it('pauses and resumes, each any number of times (B-SEL-008)', () => {
    const { channel, transport } = openRecorded();
    assert.equal(transport.isReading(), true);
    transport.pauseReading();
    transport.pauseReading();
    assert.equal(transport.isReading(), false);
    assert.deepEqual(channel.asked, ['pause']);
    transport.resumeReading();
    transport.resumeReading();
    assert.equal(transport.isReading(), true);
    assert.deepEqual(channel.asked, ['pause', 'read']);
  });

  it('can neither be paused nor resumed when closing', () => {
    const { channel, transport } = openRecorded();
    transport.pauseReading();
    transport.close();
    const asked = [...channel.asked];
    transport.resumeReading();
    transport.pauseReading();
    assert.equal(transport.isReading(), false);
    assert.deepEqual(channel.asked, asked);
  });

  it('stops at close, at abort and at an error, whatever the channel still delivers (B-SEL-009)', () => {
    for (const end of [
      (opened: Opened) => opened.transport.close(),
      (opened: Opened) => opened.transport.abort(),
      (opened: Opened) => opened.channel.fail(reset),
    ]) {
      const opened = openRecorded();
      const { channel, protocol, loop } = opened;
      end(opened);
      assert.equal(channel.reading, false);
      channel.reading = true;
      channel.receive('late');
      channel.receiveEnd();
      loop.settle();
      assert.equal(protocol.calls.length, 1);
      assert.match(protocol.calls[0] ?? '', /^connectionLost/);
    }
  });

  it('closes at the end of the stream unless the protocol wants to go on (B-SEL-012)', () => {
    const { channel, protocol, loop, transport } = openRecorded();
    channel.receiveEnd();
    assert.equal(transport.isClosing(), true);
    assert.deepEqual(protocol.calls, ['eofReceived']);
    loop.settle();
    assert.deepEqual(protocol.calls, ['eofReceived', 'connectionLost null']);
    assert.equal(channel.asked.at(-1), 'close');
  });

  it('closes at the end of the stream if the protocol does not care (B-SEL-012)', () => {
    const { channel, transport } = open({});
    channel.receiveEnd();
    assert.equal(transport.isClosing(), true);
  });

  it('stays open for writing if eofReceived returns true, and does not read any more (B-SEL-012)', () => {
    const { channel, protocol, loop, transport } = openRecorded();
    protocol.on.eofReceived = () => true;
    channel.receiveEnd();
    loop.settle();
    assert.deepEqual([transport.isClosing(), transport.isReading()], [false, false]);
    channel.asked.length = 0;
    transport.pauseReading();
    transport.resumeReading();
    assert.equal(channel.asked.includes('read'), false);
    transport.write(bytes('still here'));
    assert.equal(channel.text, 'still here');
    transport.close();
    loop.settle();
    assert.deepEqual(protocol.calls, ['eofReceived', 'connectionLost null']);
  });

  it('sends what was written before it closes at the end of the stream', () => {
    const { channel, loop, transport, protocol } = openRecorded({ room: 2 });
    transport.write(bytes('abc'));
    channel.receiveEnd();
    loop.settle();
    assert.deepEqual(protocol.calls, ['eofReceived']);
    channel.take();
    loop.settle();
    assert.deepEqual([channel.text, protocol.calls], ['abc', ['eofReceived', 'connectionLost null']]);
  });

  it('ends with what the protocol throws at it, which is reported, and closes the channel', () => {
    for (const [name, provoke] of [
      ['dataReceived', (channel: ScriptedChannel) => channel.receive('x')],
      ['eofReceived', (channel: ScriptedChannel) => channel.receiveEnd()],
    ] as const) {
      for (const failure of [new Error('no'), reset]) {
        const { channel, protocol, loop, transport } = openRecorded();
        protocol.on[name] = () => {
          throw failure;
        };
        provoke(channel);
        assert.equal(transport.isClosing(), true);
        assert.equal(loop.reports.length, 1);
        assert.equal(loop.reports[0]?.exception, failure);
        assert.equal(loop.reports[0]?.protocol, protocol);
        loop.settle();
        assert.match(
          protocol.calls.at(-1) ?? '',
          failure === reset ? /^connectionLost reset$/ : /^connectionLost no$/,
        );
        assert.equal(channel.asked.at(-1), 'abort');
      }
    }
  });

  it('makes an error of a thrown thing that is none', () => {
    let lost: Error | null = null;
    const { channel, loop } = open({
      dataReceived: () => {
        // biome-ignore lint/style/useThrowOnlyError: careless code does
        throw 'a string';
      },
      connectionLost: (error) => {
        lost = error;
      },
    });
    channel.receive('x');
    loop.settle();
    assert.ok((lost as unknown) instanceof Error);
    assert.equal((lost as unknown as Error).cause, 'a string');
  });
});

describe('a buffered protocol', () => {
  it('is asked for room, any number of bytes, and told how many came (B-SEL-026)', () => {
    const { channel, protocol } = open(new Buffered(10));
    channel.receive('hello');
    assert.deepEqual([protocol.hints, protocol.parts], [[-1], ['hello']]);
  });

  it('gets more than fits in several parts (B-PR-002)', () => {
    for (const lent of [true, false]) {
      const { channel, protocol } = open(new Buffered(2));
      channel.receive('abcdefg', lent);
      assert.deepEqual(protocol.parts, ['ab', 'cd', 'ef', 'g']);
      assert.equal(protocol.hints.length, 4);
    }
  });

  it('that pauses between two parts gets no more until it resumes, and then the rest first (B-SEL-008)', () => {
    for (const lent of [true, false]) {
      const { channel, protocol, transport, loop } = open(new Buffered(2));
      protocol.onUpdate = () => {
        if (protocol.parts.length % 2 === 0) transport.pauseReading();
      };
      channel.receive('abcdefghij', lent);
      assert.deepEqual(protocol.parts, ['ab', 'cd']);
      assert.equal(channel.reading, false);
      transport.resumeReading();
      assert.deepEqual(protocol.parts, ['ab', 'cd'], 'never from inside resumeReading');
      assert.equal(channel.reading, false);
      loop.settle();
      assert.deepEqual([protocol.parts, channel.reading], [['ab', 'cd', 'ef', 'gh'], false]);
      transport.resumeReading();
      transport.pauseReading();
      loop.settle();
      assert.equal(protocol.parts.length, 4);
      transport.resumeReading();
      loop.settle();
      assert.deepEqual([protocol.parts, channel.reading], [['ab', 'cd', 'ef', 'gh', 'ij'], true]);
    }
  });

  it('that closes between two parts gets no more (B-SEL-009)', () => {
    const { channel, protocol, transport, loop } = open(new Buffered(2));
    protocol.onUpdate = () => transport.close();
    channel.receive('abcd');
    loop.settle();
    assert.deepEqual([protocol.parts, protocol.calls], [['ab'], ['connectionLost null']]);
  });

  it('with an empty buffer, or none, is a fatal error (B-SEL-026)', () => {
    for (const buffer of [new Uint8Array(0), undefined]) {
      const { channel, protocol, loop, transport } = open(new Buffered(0));
      protocol.getBuffer = () => buffer as Uint8Array;
      channel.receive('x');
      assert.equal(transport.isClosing(), true);
      assert.ok(loop.reports[0]?.exception instanceof StateError);
      loop.settle();
      assert.match(protocol.calls[0] ?? '', /^connectionLost Cannot read/);
    }
  });

  it('that throws in getBuffer or bufferUpdated ends the connection', () => {
    for (const name of ['getBuffer', 'bufferUpdated'] as const) {
      const { channel, protocol, loop } = open(new Buffered(5));
      protocol[name] = () => {
        throw new Error('no');
      };
      channel.receive('x');
      loop.settle();
      assert.deepEqual([protocol.calls, loop.reports.length], [['connectionLost no'], 1]);
    }
  });

  it('closes at the end of the stream as any other', () => {
    const { channel, protocol, loop } = open(new Buffered(5));
    channel.receiveEnd();
    loop.settle();
    assert.deepEqual(protocol.calls, ['eofReceived', 'connectionLost null']);
  });

  it('takes over from another kind, and the reverse, at the next read (B-SEL-026)', () => {
    const { channel, protocol, transport } = openRecorded();
    const buffered = new Buffered(10);
    protocol.on.dataReceived = () => transport.setProtocol(buffered);
    channel.receive('plain');
    assert.equal(transport.getProtocol(), buffered);
    channel.receive('buffered');
    assert.deepEqual([protocol.calls, buffered.parts], [['dataReceived plain'], ['buffered']]);
    transport.setProtocol(protocol);
    channel.receive('plain again');
    assert.deepEqual(protocol.calls, ['dataReceived plain', 'dataReceived plain again']);
  });

  it('replaced between two parts leaves the rest to its successor', () => {
    for (const lent of [true, false]) {
      const { channel, protocol, transport } = open(new Buffered(2));
      const kept: Uint8Array[] = [];
      protocol.onUpdate = () => transport.setProtocol({ dataReceived: (data) => void kept.push(data) });
      channel.receive('abcdef', lent);
      assert.deepEqual([protocol.parts, kept.map(text)], [['ab'], ['cdef']]);
    }
  });
});

describe('writing to a stream transport', () => {
  it('sends the first write of a turn at once (B-SEL-013)', () => {
    const { channel, transport, loop } = openRecorded();
    transport.write(bytes('now'));
    assert.deepEqual([channel.text, transport.getWriteBufferSize(), loop.queued], ['now', 0, 0]);
  });

  it('sends what follows in the same turn together, in the next one, in order (B-SEL-014)', () => {
    const { channel, transport, loop } = openRecorded();
    for (const part of ['a', 'bc', 'def']) transport.write(bytes(part));
    assert.deepEqual([channel.text, transport.getWriteBufferSize()], ['a', 5]);
    loop.turn();
    assert.deepEqual([channel.writes, channel.text, transport.getWriteBufferSize()], [[1, 5], 'abcdef', 0]);
    loop.turn();
    transport.write(bytes('g'));
    assert.equal(channel.text, 'abcdefg');
  });

  it('collects no large write, for which a system call of its own is little', () => {
    const { channel, transport, loop } = openRecorded();
    transport.write(bytes('first'));
    transport.write(new Uint8Array(16 * 1024));
    assert.deepEqual([channel.writes, transport.getWriteBufferSize(), loop.queued], [[5, 16 * 1024], 0, 0]);
  });

  it('sends a large write behind what was collected before it, in order', () => {
    const { channel, transport, loop } = openRecorded();
    transport.write(bytes('a'));
    transport.write(bytes('b'));
    transport.write(new Uint8Array(16 * 1024).fill(99));
    loop.turn();
    assert.equal(channel.text.slice(0, 4), 'abcc');
    assert.equal(transport.getWriteBufferSize(), 0);
  });

  it('does not collect more than the high-water mark: the kernel could have taken it', () => {
    const { channel, transport, protocol } = openRecorded();
    transport.setWriteBufferLimits({ high: 10 });
    for (let i = 0; i < 8; i++) transport.write(bytes('xxxx'));
    assert.deepEqual(channel.writes, [4, 12, 12]);
    assert.deepEqual(protocol.calls, []);
  });

  it('does nothing for an empty write (B-SEL-013)', () => {
    const { channel, transport, loop } = openRecorded();
    transport.write(new Uint8Array(0));
    transport.writelines([]);
    transport.writelines([new Uint8Array(0)]);
    assert.deepEqual([channel.asked, loop.queued], [[], 0]);
  });

  it('keeps exactly what the kernel has not taken, and what comes meanwhile behind it (B-SEL-014, B-SEL-016)', () => {
    const { channel, transport, loop } = openRecorded({ room: 3 });
    transport.write(bytes('abcde'));
    assert.deepEqual([channel.text, transport.getWriteBufferSize()], ['abc', 2]);
    transport.write(bytes('fg'));
    transport.write(bytes('h'));
    loop.settle();
    assert.deepEqual([channel.writes, transport.getWriteBufferSize()], [[5], 5]);
    channel.take(1);
    assert.deepEqual([channel.text, transport.getWriteBufferSize()], ['abcd', 4]);
    channel.room = 2;
    channel.take(1);
    assert.deepEqual([channel.text, channel.writes, transport.getWriteBufferSize()], ['abcdefg', [5, 3], 1]);
    channel.take();
    assert.deepEqual([channel.text, transport.getWriteBufferSize()], ['abcdefgh', 0]);
  });

  it('joins the parts of writelines and writes once (B-TR-002)', () => {
    const { channel, transport } = openRecorded();
    transport.writelines(
      (function* () {
        yield bytes('a');
        yield new Uint8Array(0);
        yield bytes('bc');
      })(),
    );
    assert.deepEqual([channel.writes, channel.text], [[3], 'abc']);
  });

  it('takes bytes only', () => {
    const { channel, transport } = openRecorded();
    for (const nonsense of ['text', null, undefined, [1], new ArrayBuffer(1), new Uint16Array(1)]) {
      assert.throws(() => transport.write(nonsense as never), TypeError);
      assert.throws(() => transport.writelines([bytes('a'), nonsense as never]), TypeError);
    }
    assert.deepEqual(channel.asked, []);
  });

  it('is dropped in silence after the end, with a warning from the fifth time on (B-SEL-017)', (test) => {
    for (const end of ['close', 'abort', 'fail'] as const) {
      const { channel, transport, loop } = openRecorded();
      const warnings = catchWarnings(test);
      if (end === 'fail') channel.fail(reset);
      else transport[end]();
      for (let i = 0; i < 2; i++) transport.write(bytes('x'));
      loop.settle();
      channel.finish();
      for (let i = 0; i < 2; i++) transport.write(bytes('x'));
      transport.write(new Uint8Array(0));
      assert.deepEqual(warnings, []);
      transport.write(bytes('x'));
      transport.write(bytes('x'));
      assert.deepEqual(warnings, ['WriteAfterEndWarning', 'WriteAfterEndWarning']);
      assert.deepEqual([channel.writes, transport.getWriteBufferSize()], [[], 0]);
      test.mock.restoreAll();
    }
  });

  it('that fails clears the buffer and ends the connection with the error (B-SEL-018)', () => {
    const { channel, transport, loop, protocol } = openRecorded({ room: 1 });
    transport.write(bytes('abc'));
    transport.write(bytes('def'));
    channel.fail(reset);
    assert.deepEqual([transport.isClosing(), transport.getWriteBufferSize()], [true, 0]);
    assert.deepEqual(protocol.calls, []);
    loop.settle();
    assert.deepEqual(protocol.calls, ['connectionLost reset']);
    assert.deepEqual([channel.text, channel.asked.at(-1)], ['a', 'abort']);
    assert.deepEqual(loop.reports, []);
  });

  it('that fails while the transport is closing ends it with the error', () => {
    const { channel, transport, loop, protocol } = openRecorded({ room: 1 });
    transport.write(bytes('abc'));
    transport.close();
    channel.fail(reset);
    loop.settle();
    assert.deepEqual(protocol.calls, ['connectionLost reset']);
  });
});

describe('an error of the connection', () => {
  it('is the protocol’s business alone, unless in debug mode (B-SEL-011)', () => {
    for (const debug of [false, true]) {
      const { channel, transport, loop, protocol } = openRecorded({ debug });
      channel.fail(reset);
      channel.fail(new SystemError('another', { code: 'EPIPE' }));
      loop.settle();
      assert.deepEqual(protocol.calls, ['connectionLost reset']);
      assert.deepEqual(
        loop.reports,
        debug
          ? [
              {
                message: 'Fatal error on the connection',
                exception: reset,
                transport,
                protocol,
                level: 'debug',
              },
            ]
          : [],
      );
    }
  });
});

describe('the water marks of a stream transport', () => {
  it('are 64 and 16 KiB, follow each other by a factor of four, and are told low first (B-TR-004)', () => {
    const { transport } = openRecorded();
    const marks = () => transport.getWriteBufferLimits();
    assert.deepEqual(marks(), { low: 16 * 1024, high: 64 * 1024 });
    transport.setWriteBufferLimits({ high: 100 });
    assert.deepEqual(marks(), { low: 25, high: 100 });
    transport.setWriteBufferLimits({ high: 3 });
    assert.deepEqual(marks(), { low: 0, high: 3 });
    transport.setWriteBufferLimits({ low: 7 });
    assert.deepEqual(marks(), { low: 7, high: 28 });
    transport.setWriteBufferLimits({ low: 5, high: 5 });
    assert.deepEqual(marks(), { low: 5, high: 5 });
    transport.setWriteBufferLimits({ high: 0 });
    assert.deepEqual(marks(), { low: 0, high: 0 });
    transport.setWriteBufferLimits();
    assert.deepEqual(marks(), { low: 16 * 1024, high: 64 * 1024 });
  });

  it('must make sense (B-TR-004)', () => {
    const { transport } = openRecorded();
    for (const nonsense of [{ high: 1, low: 2 }, { high: -1 }, { low: -1 }, { low: Number.NaN }]) {
      assert.throws(() => transport.setWriteBufferLimits(nonsense), RangeError);
    }
    assert.deepEqual(transport.getWriteBufferLimits(), { low: 16 * 1024, high: 64 * 1024 });
  });

  it('pause the protocol from inside the write that goes above, once, and resume it at the low one', () => {
    const { channel, transport, protocol, loop } = openRecorded({ room: 0 });
    transport.setWriteBufferLimits({ high: 4, low: 2 });
    transport.write(bytes('abcd'));
    assert.deepEqual(protocol.calls, []);
    transport.write(bytes('e'));
    assert.deepEqual(protocol.calls, ['pauseWriting']);
    transport.write(bytes('f'));
    loop.settle();
    channel.take(3);
    assert.deepEqual([protocol.calls, transport.getWriteBufferSize()], [['pauseWriting'], 3]);
    channel.take(1);
    assert.deepEqual(
      [protocol.calls, transport.getWriteBufferSize()],
      [['pauseWriting', 'resumeWriting'], 2],
    );
    transport.write(bytes('ghi'));
    assert.deepEqual(protocol.calls, ['pauseWriting', 'resumeWriting', 'pauseWriting']);
  });

  it('at 0 pause on any buffering', () => {
    const { channel, transport, protocol } = openRecorded({ room: 1 });
    transport.setWriteBufferLimits({ high: 0 });
    transport.write(bytes('a'));
    assert.deepEqual(protocol.calls, []);
    transport.write(bytes('bc'));
    assert.deepEqual(protocol.calls, ['pauseWriting']);
    channel.take();
    assert.deepEqual(protocol.calls, ['pauseWriting', 'resumeWriting']);
  });

  it('that are lowered below what is buffered pause at once, and the flush resumes', () => {
    const { transport, protocol, loop } = openRecorded();
    transport.write(bytes('a'));
    transport.write(bytes('b'.repeat(8)));
    transport.setWriteBufferLimits({ high: 4 });
    assert.deepEqual(protocol.calls, ['pauseWriting']);
    // Goes above the mark, and so sends all of it before the queued flush has its turn.
    transport.write(bytes('c'));
    loop.settle();
    assert.equal(transport.getWriteBufferSize(), 0);
    assert.deepEqual(protocol.calls, ['pauseWriting', 'resumeWriting']);
  });

  it('survive a protocol that throws: reported, and nothing else happens (B-TR-006)', () => {
    for (const name of ['pauseWriting', 'resumeWriting'] as const) {
      const { channel, transport, protocol, loop } = openRecorded({ room: 0 });
      const failure = new Error('no');
      protocol.on[name] = () => {
        throw failure;
      };
      transport.setWriteBufferLimits({ high: 1 });
      transport.write(bytes('abc'));
      channel.take();
      assert.deepEqual(protocol.calls, ['pauseWriting', 'resumeWriting']);
      assert.deepEqual(loop.reports, [
        { message: `protocol.${name}() failed`, exception: failure, transport, protocol },
      ]);
      assert.equal(transport.isClosing(), false);
      transport.write(bytes('d'));
      loop.settle();
      channel.take();
      assert.equal(channel.text, 'abcd');
    }
  });

  it('let resumeWriting write to this and to another transport (B-UV-019)', () => {
    const one = openRecorded({ room: 0 });
    const other = openRecorded();
    one.transport.setWriteBufferLimits({ high: 1, low: 0 });
    one.protocol.on.resumeWriting = () => {
      one.transport.write(bytes('more'));
      other.transport.write(bytes('there'));
    };
    one.transport.write(bytes('abc'));
    one.channel.take();
    assert.deepEqual([one.channel.text, other.channel.text], ['abc', 'there']);
    assert.deepEqual(one.protocol.calls, ['pauseWriting', 'resumeWriting', 'pauseWriting']);
    one.channel.take();
    assert.equal(one.channel.text, 'abcmore');
    assert.deepEqual([one.loop.reports, other.loop.reports], [[], []]);
  });

  it('let resumeWriting end the connection in every way', () => {
    for (const end of ['close', 'abort', 'writeEof'] as const) {
      const { channel, transport, protocol, loop } = openRecorded({ room: 0 });
      transport.setWriteBufferLimits({ high: 1 });
      protocol.on.resumeWriting = () => transport[end]();
      transport.write(bytes('abc'));
      channel.take();
      loop.settle();
      const calls = ['pauseWriting', 'resumeWriting'];
      if (end !== 'writeEof') calls.push('connectionLost null');
      assert.deepEqual(protocol.calls, calls);
      const ended = channel.asked.filter((what) => /close|abort|shutdown/.test(what));
      assert.deepEqual(ended, [end === 'writeEof' ? 'shutdown' : end]);
    }
  });
});

describe('the end of a stream transport', () => {
  it('by close with nothing buffered is queued, and then connectionLost(null) (B-SEL-019)', () => {
    const { channel, transport, protocol, loop, gone } = openRecorded();
    transport.close();
    assert.deepEqual([protocol.calls, transport.isClosing()], [[], true]);
    assert.equal(channel.asked.includes('close'), false);
    loop.turn();
    assert.deepEqual([protocol.calls, channel.asked.at(-1)], [['connectionLost null'], 'close']);
    assert.equal(gone(), false);
    channel.finish();
    assert.equal(gone(), true);
  });

  it('by close with data buffered waits until it is sent (B-SEL-019)', () => {
    const { channel, transport, protocol, loop } = openRecorded({ room: 1 });
    transport.write(bytes('abc'));
    transport.write(bytes('def'));
    transport.close();
    loop.settle();
    assert.deepEqual(protocol.calls, []);
    channel.take();
    loop.settle();
    assert.deepEqual([channel.text, protocol.calls], ['abcd', []]);
    channel.take();
    assert.deepEqual(protocol.calls, [], 'not from inside the news of the last bytes');
    loop.settle();
    assert.deepEqual([channel.text, protocol.calls], ['abcdef', ['connectionLost null']]);
  });

  it('by close sends what the turn has collected', () => {
    const { channel, transport, protocol, loop } = openRecorded();
    transport.write(bytes('a'));
    transport.write(bytes('b'));
    transport.close();
    assert.equal(channel.text, 'ab');
    loop.settle();
    assert.deepEqual([channel.writes, protocol.calls], [[1, 1], ['connectionLost null']]);
  });

  it('by abort drops the buffer (B-SEL-022)', () => {
    const { channel, transport, protocol, loop } = openRecorded({ room: 1 });
    transport.write(bytes('abc'));
    transport.write(bytes('def'));
    transport.abort();
    assert.deepEqual([transport.getWriteBufferSize(), transport.isClosing()], [0, true]);
    assert.deepEqual([protocol.calls, channel.reading], [[], false]);
    loop.settle();
    assert.deepEqual([protocol.calls, channel.asked.at(-1)], [['connectionLost null'], 'abort']);
    assert.equal(channel.text, 'a');
  });

  it('by abort takes no notice of what the channel still sends', () => {
    const { channel, transport, protocol, loop } = openRecorded({ room: 1 });
    transport.setWriteBufferLimits({ high: 1 });
    transport.write(bytes('abc'));
    transport.abort();
    channel.take(1);
    assert.equal(transport.getWriteBufferSize(), 0);
    channel.take();
    loop.settle();
    assert.deepEqual(protocol.calls, ['pauseWriting', 'connectionLost null']);
  });

  it('comes exactly once, whatever is called again, in whatever order (B-SEL-021)', () => {
    const ends = {
      close: ({ transport }: Opened) => transport.close(),
      abort: ({ transport }: Opened) => transport.abort(),
      fail: ({ channel }: Opened) => channel.fail(reset),
      eof: ({ channel }: Opened) => {
        channel.reading = true;
        channel.receiveEnd();
      },
    };
    for (const room of [1, Infinity]) {
      for (const [firstName, first] of Object.entries(ends)) {
        for (const [secondName, second] of Object.entries(ends)) {
          for (const between of [true, false]) {
            const opened = openRecorded({ room });
            opened.transport.write(bytes('abc'));
            first(opened);
            if (between) opened.loop.settle();
            second(opened);
            if (between) opened.loop.settle();
            if (opened.transport.getWriteBufferSize() > 0) opened.channel.take();
            opened.loop.settle();
            opened.transport.close();
            opened.transport.abort();
            opened.loop.settle();
            const losses = opened.protocol.calls.filter((call) => call.startsWith('connectionLost'));
            assert.equal(losses.length, 1, `${firstName}, ${secondName}, room for ${room} bytes`);
            const closes = opened.channel.asked.filter((what) => what === 'close' || what === 'abort');
            assert.equal(closes.length, 1);
            opened.channel.finish();
            assert.equal(opened.gone(), true);
          }
        }
      }
    }
  });

  it('closes the channel even if connectionLost throws, which is reported (B-SEL-023)', () => {
    const { channel, transport, protocol, loop } = openRecorded();
    const failure = new Error('no');
    protocol.on.connectionLost = () => {
      throw failure;
    };
    transport.close();
    loop.settle();
    assert.equal(channel.asked.at(-1), 'close');
    assert.deepEqual(loop.reports, [
      { message: 'protocol.connectionLost() failed', exception: failure, transport, protocol },
    ]);
  });

  it('takes no notice of what is called from inside connectionLost', () => {
    const { channel, transport, protocol, loop } = openRecorded();
    protocol.on.connectionLost = () => {
      transport.close();
      transport.abort();
      transport.pauseReading();
      transport.resumeReading();
      transport.writeEof();
      transport.write(bytes('x'));
    };
    transport.close();
    loop.settle();
    assert.deepEqual([channel.asked, loop.reports], [['pause', 'close'], []]);
  });
});

describe('writeEof of a stream transport', () => {
  it('ends the sending direction at once if nothing is buffered, and only once (B-SEL-024)', () => {
    const { channel, transport, loop, protocol } = openRecorded();
    assert.equal(transport.canWriteEof(), true);
    transport.writeEof();
    transport.writeEof();
    loop.settle();
    assert.deepEqual(channel.asked, ['shutdown']);
    assert.deepEqual([transport.isClosing(), transport.isReading()], [false, true]);
    channel.receive('the answer');
    assert.deepEqual(protocol.calls, ['dataReceived the answer']);
  });

  it('waits until the buffer is sent (B-SEL-024)', () => {
    const { channel, transport, loop } = openRecorded({ room: 1 });
    transport.write(bytes('ab'));
    transport.write(bytes('c'));
    transport.writeEof();
    channel.room = Infinity;
    channel.take();
    loop.settle();
    assert.deepEqual([channel.text, channel.asked], ['abc', ['write 2', 'write 1', 'shutdown']]);
  });

  it('makes a later write an error, also an empty one and after the end (B-SEL-024)', () => {
    const { transport, loop } = openRecorded();
    transport.writeEof();
    assert.throws(() => transport.write(bytes('x')), StateError);
    assert.throws(() => transport.write(new Uint8Array(0)), StateError);
    transport.abort();
    loop.settle();
    assert.throws(() => transport.write(bytes('x')), StateError);
  });

  it('is ignored when closing (B-SEL-024)', () => {
    const { channel, transport, loop } = openRecorded({ room: 1 });
    transport.write(bytes('ab'));
    transport.close();
    transport.writeEof();
    channel.take();
    loop.settle();
    assert.deepEqual(channel.asked.slice(-2), ['pause', 'close']);
    transport.write(bytes('dropped, not refused'));
  });

  it('before close ends in close alone', () => {
    const { channel, transport, loop, protocol } = openRecorded({ room: 1 });
    transport.write(bytes('ab'));
    transport.writeEof();
    transport.close();
    channel.take();
    loop.settle();
    assert.deepEqual(channel.asked.includes('shutdown'), false);
    assert.deepEqual(protocol.calls, ['connectionLost null']);
  });
});

describe('the calls of a protocol', () => {
  it('all run in the context of whoever made the endpoint, and share it (B-UV-034)', () => {
    const variable = new ContextVar<string>('who', { default: 'nobody' });
    const seen: string[] = [];
    const see = (name: string) => void seen.push(`${name} ${variable.get()}`);
    const protocol: Protocol = {
      connectionMade() {
        see('connectionMade');
        variable.set('creator, connected');
      },
      dataReceived: () => see('dataReceived'),
      pauseWriting: () => see('pauseWriting'),
      resumeWriting: () => see('resumeWriting'),
      eofReceived() {
        see('eofReceived');
        return true;
      },
      connectionLost: () => see('connectionLost'),
    };
    const { loop, channel, transport } = copyContext().run(() => {
      variable.set('creator');
      return open(protocol, { room: 0 });
    });
    channel.receive('x');
    copyContext().run(() => {
      variable.set('somebody else');
      transport.setWriteBufferLimits({ high: 0 });
      transport.write(bytes('x'));
      channel.take();
      channel.receiveEnd();
      transport.close();
    });
    loop.settle();
    assert.deepEqual(seen, [
      'connectionMade creator',
      ...['dataReceived', 'pauseWriting', 'resumeWriting', 'eofReceived', 'connectionLost'].map(
        (name) => `${name} creator, connected`,
      ),
    ]);
    assert.equal(variable.get(), 'nobody');
  });

  it('in a buffered protocol do so too', () => {
    const variable = new ContextVar<string>('who', { default: 'nobody' });
    const seen: string[] = [];
    const buffer = new Uint8Array(1);
    const { channel } = copyContext().run(() => {
      variable.set('creator');
      return open({
        getBuffer() {
          seen.push(variable.get());
          return buffer;
        },
        bufferUpdated: () => void seen.push(variable.get()),
      });
    });
    channel.receive('x');
    assert.deepEqual(seen, ['creator', 'creator']);
  });
});

describe('the text form of a stream transport', () => {
  it('tells its state and what is buffered', () => {
    const { transport, loop } = openRecorded({ room: 1 });
    assert.equal(String(transport), '<StreamTransport open buffered=0>');
    transport.write(bytes('abc'));
    transport.close();
    assert.equal(String(transport), '<StreamTransport closing buffered=2>');
    transport.abort();
    loop.settle();
    assert.equal(String(transport), '<StreamTransport lost buffered=0>');
  });
});

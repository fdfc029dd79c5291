import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  DatagramChannel,
  DatagramProtocol,
  DatagramSink,
  DatagramTransport as DatagramTransportInterface,
  SocketAddress,
} from '../../src/interface/index.ts';
import { DatagramTransport, type OpenTransport } from '../../src/transports/index.ts';
import { ManualLoop } from './manual-loop.ts';

const peer: SocketAddress = { host: '192.0.2.2', port: 2, family: 4 };

/** A channel with no kernel under it, which takes as many datagrams as the test leaves room for. */
class ScriptedChannel implements DatagramChannel {
  readonly family = 4;
  readonly localAddress: SocketAddress = { host: '192.0.2.1', port: 1, family: 4 };
  readonly remoteAddress: SocketAddress | null;
  readonly fd = -1;
  readonly asked: string[] = [];
  readonly sent: { data: Uint8Array; address: SocketAddress | null }[] = [];
  room = Infinity;
  #sink: DatagramSink | null = null;

  constructor(remoteAddress: SocketAddress | null = null) {
    this.remoteAddress = remoteAddress;
  }

  get sink(): DatagramSink {
    if (this.#sink === null) throw new Error('the channel was not started');
    return this.#sink;
  }

  start(sink: DatagramSink): void {
    if (this.#sink !== null) throw new Error('the channel was started twice');
    this.#sink = sink;
  }

  startReading(): void {
    this.asked.push('read');
  }

  send(data: Uint8Array, address: SocketAddress | null): boolean {
    this.sent.push({ data, address });
    return --this.room >= 0;
  }

  close(): void {
    this.asked.push('close');
  }

  ref(): void {
    this.asked.push('ref');
  }

  unref(): void {
    this.asked.push('unref');
  }
}

/** Notes its calls; what it is to throw is in `throwing`. */
class Protocol implements DatagramProtocol {
  readonly calls: unknown[][] = [];
  throwing: unknown = null;

  connectionMade(_transport: DatagramTransportInterface): void {
    this.#note('connectionMade');
  }

  datagramReceived(data: Uint8Array, address: SocketAddress): void {
    this.#note('datagramReceived', [...data], address);
  }

  errorReceived(error: Error): void {
    this.#note('errorReceived', error);
  }

  pauseWriting(): void {
    this.#note('pauseWriting');
  }

  resumeWriting(): void {
    this.#note('resumeWriting');
  }

  connectionLost(error: Error | null): void {
    this.#note('connectionLost', error);
  }

  #note(...call: unknown[]): void {
    this.calls.push(call);
    if (this.throwing !== null) throw this.throwing;
  }
}

function open(channel = new ScriptedChannel(), remote: SocketAddress | null = null) {
  const loop = new ManualLoop();
  const protocol = new Protocol();
  const kept = new Set<OpenTransport>();
  const keeper = {
    attach: (transport: OpenTransport) => void kept.add(transport),
    detach: (transport: OpenTransport) => void kept.delete(transport),
  };
  const transport = new DatagramTransport(loop, channel, protocol, remote, [keeper]);
  let started = 0;
  transport.begin(() => started++);
  loop.settle();
  assert.equal(started, 1);
  return { loop, channel, protocol, transport, kept };
}

describe('a datagram transport', () => {
  it('tells the protocol of itself, then reads', () => {
    const { channel, protocol, transport, kept } = open();
    assert.deepEqual(protocol.calls, [['connectionMade']]);
    assert.deepEqual(channel.asked, ['read']);
    assert.deepEqual([...kept], [transport]);
    assert.equal(transport.getProtocol(), protocol);
    assert.equal(transport.getExtraInfo('fd', 'none'), 'none');
  });

  it('gives the protocol a copy of what is lent, and the very bytes of what is not', () => {
    const { channel, protocol, transport } = open();
    const seen: Uint8Array[] = [];
    transport.setProtocol({ datagramReceived: (data) => void seen.push(data) });
    const memory = new Uint8Array([1, 2, 3]);
    channel.sink.datagram(memory, true, peer);
    channel.sink.datagram(memory, false, peer);
    memory.fill(0);
    assert.deepEqual([...(seen[0] as Uint8Array)], [1, 2, 3]);
    assert.equal(seen[1], memory);
    assert.equal(protocol.calls.length, 1);
    assert.throws(() => transport.setProtocol(null as never), TypeError);
  });

  it('sends to its remote address if the channel is not connected to it', () => {
    const { channel, transport } = open(new ScriptedChannel(), peer);
    transport.sendto(new Uint8Array(1));
    assert.deepEqual(channel.sent[0]?.address, peer);
    const connected = open(new ScriptedChannel(peer));
    connected.transport.sendto(new Uint8Array(1), { ...peer });
    assert.equal(connected.channel.sent[0]?.address, null);
  });

  it('counts what is pending, and tells when to pause and to resume (B-SEL-031)', () => {
    const { channel, protocol, transport } = open();
    channel.room = 1;
    transport.setWriteBufferLimits({ high: 20, low: 10 });
    for (let sends = 0; sends < 3; sends++) transport.sendto(new Uint8Array(2), peer);
    assert.equal(transport.getWriteBufferSize(), 20);
    transport.sendto(new Uint8Array(0), peer);
    assert.equal(transport.getWriteBufferSize(), 28);
    assert.deepEqual(protocol.calls.slice(1), [['pauseWriting']]);
    channel.sink.sendProgress(2, 2);
    assert.deepEqual(protocol.calls.slice(2), []);
    channel.sink.sendProgress(1, 2);
    assert.deepEqual(protocol.calls.slice(2), [['resumeWriting']]);
    assert.equal(transport.getWriteBufferSize(), 10);
  });

  it('closes when the last one is gone, reads nothing meanwhile, and tells of errors still', () => {
    const { loop, channel, protocol, transport, kept } = open();
    channel.room = 0;
    transport.sendto(new Uint8Array(2), peer);
    transport.close();
    loop.settle();
    channel.sink.datagram(new Uint8Array(1), false, peer);
    const refused = new Error('refused');
    channel.sink.troubled(refused);
    assert.deepEqual(protocol.calls.slice(1), [['errorReceived', refused]]);
    assert.deepEqual(channel.asked, ['read']);
    channel.sink.sendProgress(0, 0);
    loop.settle();
    assert.deepEqual(protocol.calls.slice(2), [['connectionLost', null]]);
    assert.deepEqual(channel.asked, ['read', 'close']);
    assert.equal(kept.size, 1);
    channel.sink.closed();
    assert.equal(kept.size, 0);
  });

  it('is lost with the error that makes its socket useless, which is reported (B-SEL-027)', () => {
    const { loop, channel, protocol, transport } = open();
    const fatal = new Error('fatal');
    channel.sink.failed(fatal);
    channel.sink.failed(new Error('another'));
    channel.sink.troubled(new Error('late'));
    transport.abort();
    loop.settle();
    assert.deepEqual(protocol.calls.slice(1), [['connectionLost', fatal]]);
    assert.deepEqual(
      loop.reports.map(({ exception }) => exception),
      [fatal],
    );
    assert.deepEqual(channel.asked, ['read', 'close']);
  });

  it('reports what its protocol throws, and goes on (B-SEL-023)', () => {
    const { loop, channel, protocol, transport } = open();
    protocol.throwing = new Error('thrown');
    channel.room = 0;
    transport.setWriteBufferLimits({ high: 0 });
    transport.sendto(new Uint8Array(1), peer);
    channel.sink.sendProgress(0, 0);
    channel.sink.datagram(new Uint8Array(1), false, peer);
    channel.sink.troubled(new Error('trouble'));
    assert.equal(transport.isClosing(), false);
    transport.close();
    loop.settle();
    assert.deepEqual(
      loop.reports.map(({ exception, transport: who }) => [exception, who]),
      new Array(5).fill([protocol.throwing, transport]),
    );
    assert.deepEqual(channel.asked, ['read', 'close'], 'the channel is closed all the same');
  });

  it('does not begin to read if connectionMade closes it', () => {
    const loop = new ManualLoop();
    const channel = new ScriptedChannel();
    const calls: string[] = [];
    const protocol: DatagramProtocol = {
      connectionMade: (transport) => transport.close(),
      connectionLost: () => void calls.push('lost'),
    };
    new DatagramTransport(loop, channel, protocol, null, []).begin(() => calls.push('started'));
    loop.settle();
    assert.deepEqual(calls, ['started', 'lost']);
    assert.deepEqual(channel.asked, ['close']);
  });

  it('passes on whether it keeps the host alive, and says what it is', () => {
    const { channel, transport } = open();
    transport.setRef(false);
    transport.setRef(true);
    assert.deepEqual(channel.asked, ['read', 'unref', 'ref']);
    assert.equal(String(transport), '<DatagramTransport open buffered=0>');
    transport.close();
    assert.equal(String(transport), '<DatagramTransport lost buffered=0>');
  });
});

import assert from 'node:assert/strict';
import { gather } from '../../src/coroutines/index.ts';
import type { Protocol, Transport } from '../../src/interface/index.ts';
import { getRunningLoop } from '../../src/loop/index.ts';
import { Random } from '../support/random.ts';
import { collectReports, type Kind, type Steps, serve, Watched } from './endpoints.ts';

const connections = 20;
const bytesMax = 5_000_000;

/** The byte at a place of a stream; the same only every 251 places. */
function byteAt(stream: number, at: number): number {
  return (at * 7 + stream * 31) % 251;
}

/**
 * Sends a stream of its own in pieces of random sizes, with pauses, now and then against the advice to wait; checks every
 * byte of the peer's; stops and goes on reading at random; ends each direction by itself.
 */
class Peer extends Watched implements Protocol {
  readonly sending: number;
  readonly total: number;
  sent = 0;
  received = 0;
  ended = false;
  losses: (Error | null)[] = [];
  #receiving = -1;
  #paused = false;
  #transport: Transport | null = null;
  readonly #random: Random;

  constructor(seed: number, sending: number) {
    super();
    this.#random = new Random(seed * 100 + sending);
    this.sending = sending;
    this.total = this.#random.size(bytesMax);
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport;
    const high = 1 + this.#random.size(100_000);
    transport.setWriteBufferLimits({ high });
    this.#send();
  }

  dataReceived(data: Uint8Array): void {
    assert.ok(data.length > 0 && !this.ended);
    if (this.#receiving === -1) this.#receiving = this.#peerOf(data);
    for (const byte of data) {
      if (byte !== byteAt(this.#receiving, this.received)) assert.fail(`wrong byte at ${this.received}`);
      this.received++;
    }
    if (this.#random.below(3) === 0) {
      this.#transport?.pauseReading();
      this.#later(() => this.#transport?.resumeReading());
    }
    this.noted();
  }

  eofReceived(): boolean {
    this.ended = true;
    this.#closeIfDone();
    return true;
  }

  pauseWriting(): void {
    assert.equal(this.#paused, false);
    this.#paused = true;
  }

  resumeWriting(): void {
    assert.equal(this.#paused, true);
    this.#paused = false;
    if (this.#random.below(2) === 0) this.#send();
    else this.#later(() => this.#send());
  }

  connectionLost(error: Error | null): void {
    this.losses.push(error);
    this.noted();
  }

  #send(): void {
    const transport = this.#transport;
    if (transport === null || transport.isClosing()) return;
    for (let pieces = 1 + this.#random.below(20); pieces > 0 && this.sent < this.total; pieces--) {
      if (this.#paused && this.#random.below(4) > 0) return;
      const piece = new Uint8Array(Math.min(1 + this.#random.size(60_000), this.total - this.sent));
      for (let i = 0; i < piece.length; i++) piece[i] = byteAt(this.sending, this.sent + i);
      this.sent += piece.length;
      if (this.#random.below(10) > 0) transport.write(piece);
      else transport.writelines([piece.subarray(0, piece.length >> 1), piece.subarray(piece.length >> 1)]);
    }
    if (this.sent < this.total) {
      if (!this.#paused) this.#later(() => this.#send());
    } else if (this.#random.below(2) === 0 || !this.ended) {
      transport.writeEof();
      this.#closeIfDone();
    } else {
      transport.close();
    }
  }

  /** In this turn, the next, or after a moment. */
  #later(callback: () => void): void {
    const when = this.#random.below(10);
    if (when === 0) getRunningLoop().callLater(1, callback);
    else if (when < 5) getRunningLoop().callSoon(callback);
    else callback();
  }

  #closeIfDone(): void {
    if (this.ended && this.sent === this.total) this.#transport?.close();
  }

  /** Nobody says which stream it is: the first byte does, as all streams begin differently. */
  #peerOf(data: Uint8Array): number {
    for (let stream = 0; stream < 2 * connections; stream++) if (byteAt(stream, 0) === data[0]) return stream;
    return assert.fail('a byte that nobody sends first');
  }
}

/** Many connections at once, every byte of which is checked on both sides. */
export function* runTraffic(kind: Kind, seed: number): Steps {
  const reports = collectReports();
  const peers: Peer[] = [];
  const make = () => {
    const peer = new Peer(seed, peers.length);
    peers.push(peer);
    return peer;
  };
  const { server, connect } = yield* serve(kind, make);
  yield* gather(Array.from({ length: connections }, () => connect(make)));
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i];
    yield* (peer as Peer).until(() => peer?.losses.length === 1);
  }
  server.close();
  yield* server.waitClosed();
  assert.deepEqual(reports, []);
  assert.equal(peers.length, 2 * connections);
  const sum = (of: (peer: Peer) => number) => peers.reduce((total, peer) => total + of(peer), 0);
  assert.deepEqual(
    [sum(({ sent }) => sent), sum(({ received }) => received)],
    [sum(({ total }) => total), sum(({ total }) => total)],
  );
  for (const { losses } of peers) assert.deepEqual(losses, [null]);
}

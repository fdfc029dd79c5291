// Connections that open, talk, end their direction, abort, idle and close at random, both ends in this process: for
// test/hostile/churn.test.ts and heap-checks.test.ts. Tells what it counted, as JSON.
import { readdirSync } from 'node:fs';
import { getRunningLoop, type RunnerKind, run } from 'tulipa';
import type { InternetAddress, Protocol, Suspension, Transport } from 'tulipa/interface';
import { Random } from '../random.ts';

export interface Options {
  driver: string;
  runner: RunnerKind;
  seed: number;
  /** how long new connections are opened, in milliseconds, and how many there are to be at least */
  duration: number;
  connections: number;
  /** garbage is collected in one of so many calls of a protocol; 0: in none */
  collectOneIn: number;
}

export interface Outcome {
  connections: number;
  receivedBytes: number;
  /** what should not have happened, the first few */
  wrong: string[];
  /** when nothing was open: before, and after each round */
  idle: { descriptors: number; heapBytes: number; residentBytes: number }[];
}

const options: Options = JSON.parse(process.argv[2] ?? '{}');
const gc = globalThis.gc ?? (() => {});
const openMax = 100;
const roundCount = 4;

const wrong: string[] = [];
let receivedBytes = 0;
let calls = 0;

function mustBe(condition: boolean, what: string): void {
  if (!condition && wrong.length < 20) wrong.push(what);
}

function byteAt(stream: number, at: number): number {
  return (at * 7 + stream * 31) % 251;
}

type Manner = 'both end' | 'one aborts' | 'one closes' | 'idle';

/** What is to happen on a connection. Both ends know, as both know its number: it is the first thing the client sends. */
interface Plan {
  readonly manner: Manner;
  /** 0, the client, or 1: who aborts or closes */
  readonly actor: number;
  /** the bytes that each end sends in all */
  readonly totals: readonly [number, number];
  /** of these bytes that the actor has sent or received, it acts */
  readonly actAt: number;
}

function planOf(id: number): Plan {
  const random = new Random(options.seed * 1_000_003 + id);
  const what = random.below(10);
  const totals: [number, number] = [random.size(120_000), random.size(120_000)];
  return {
    manner: what < 6 ? 'both end' : what < 8 ? 'one aborts' : what < 9 ? 'one closes' : 'idle',
    actor: random.below(2),
    totals,
    actAt: random.below(1 + totals[0] + totals[1]),
  };
}

const headerBytes = 4;

class Talker implements Protocol {
  readonly role: 0 | 1;
  readonly #onLost: () => void;
  #id: number;
  #plan: Plan | null = null;
  #transport: Transport | null = null;
  #header: number[] = [];
  #sent = 0;
  #received = 0;
  #ended = false;
  #paused = false;
  #losses = 0;
  readonly #random: Random;

  constructor(role: 0 | 1, id: number, onLost: () => void) {
    this.role = role;
    this.#id = id;
    this.#onLost = onLost;
    this.#random = new Random(options.seed + 31 * id + role);
  }

  connectionMade(transport: Transport): void {
    this.#transport = transport;
    transport.setWriteBufferLimits({ high: 1 + this.#random.size(100_000) });
    if (this.role === 1) return;
    const header = new Uint8Array(headerBytes);
    new DataView(header.buffer).setUint32(0, this.#id);
    transport.write(header);
    this.#begin();
  }

  dataReceived(data: Uint8Array): void {
    collectAtTimes();
    mustBe(!this.#ended && this.#losses === 0 && data.length > 0, `data behind the end (${this.#id})`);
    let at = 0;
    if (this.role === 1) {
      while (this.#header.length < headerBytes && at < data.length) this.#header.push(data[at++] as number);
      if (this.#plan === null && this.#header.length === headerBytes) {
        this.#id = new DataView(Uint8Array.from(this.#header).buffer).getUint32(0);
        this.#begin();
      }
    }
    for (; at < data.length; at++) {
      if (data[at] !== byteAt(2 * this.#id + 1 - this.role, this.#received)) {
        mustBe(false, `a wrong byte at ${this.#received} of ${this.#id}`);
        break;
      }
      this.#received++;
      receivedBytes++;
    }
    if (this.#random.oneIn(4)) {
      this.#transport?.pauseReading();
      this.#later(() => this.#transport?.resumeReading());
    }
    this.#act();
  }

  eofReceived(): boolean {
    mustBe(!this.#ended, `a second end of ${this.#id}`);
    this.#ended = true;
    if (this.#plan === null) return false;
    this.#closeIfDone();
    return this.#plan.manner === 'both end';
  }

  pauseWriting(): void {
    mustBe(!this.#paused, `paused twice (${this.#id})`);
    this.#paused = true;
  }

  resumeWriting(): void {
    mustBe(this.#paused, `resumed twice (${this.#id})`);
    this.#paused = false;
    this.#later(() => this.#send());
  }

  connectionLost(error: Error | null): void {
    collectAtTimes();
    mustBe(++this.#losses === 1, `lost ${this.#losses} times (${this.#id})`);
    if (this.#plan?.manner === 'both end') {
      mustBe(error === null, `${this.#id} was lost by ${error}`);
      mustBe(this.#sent === this.#plan.totals[this.role], `${this.#id} sent ${this.#sent}`);
      mustBe(this.#received === this.#plan.totals[1 - this.role], `${this.#id} received ${this.#received}`);
      mustBe(this.#ended, `${this.#id} heard of no end`);
    }
    this.#onLost();
  }

  #begin(): void {
    const plan = planOf(this.#id);
    this.#plan = plan;
    if (plan.manner !== 'idle') this.#send();
    else if (plan.actor === this.role) {
      getRunningLoop().callLater(this.#random.below(50), () => this.#transport?.close());
    }
  }

  #send(): void {
    const transport = this.#transport;
    const total = this.#plan?.totals[this.role] ?? 0;
    if (transport === null || transport.isClosing()) return;
    for (let pieces = 1 + this.#random.below(10); pieces > 0 && this.#sent < total; pieces--) {
      if (this.#paused && !this.#random.oneIn(4)) return;
      const piece = new Uint8Array(Math.min(1 + this.#random.size(40_000), total - this.#sent));
      for (let i = 0; i < piece.length; i++) piece[i] = byteAt(2 * this.#id + this.role, this.#sent + i);
      this.#sent += piece.length;
      transport.write(piece);
      if (this.#act()) return;
    }
    if (this.#sent < total) {
      if (!this.#paused) this.#later(() => this.#send());
      return;
    }
    this.#act(true);
    if (!transport.isClosing()) transport.writeEof();
    this.#closeIfDone();
  }

  /** True: it has ended the connection as planned. @param last there is no later occasion */
  #act(last = false): boolean {
    const plan = this.#plan;
    if (plan === null || plan.actor !== this.role) return false;
    if (plan.manner !== 'one aborts' && plan.manner !== 'one closes') return false;
    if (!last && this.#sent + this.#received < plan.actAt) return false;
    if (plan.manner === 'one aborts') this.#transport?.abort();
    else this.#transport?.close();
    return true;
  }

  /** In this turn, the next, or after a moment. */
  #later(callback: () => void): void {
    const when = this.#random.below(10);
    if (when === 0) getRunningLoop().callLater(this.#random.below(3), callback);
    else if (when < 5) getRunningLoop().callSoon(callback);
    else callback();
  }

  #closeIfDone(): void {
    if (this.#ended && this.#sent === this.#plan?.totals[this.role]) this.#transport?.close();
  }
}

function collectAtTimes(): void {
  if (options.collectOneIn > 0 && ++calls % options.collectOneIn === 0) gc();
}

/** Opens connections, no more than so many at a time, until there were enough and the time is over; in rounds. */
function* churn(): Generator<Suspension, Outcome, unknown> {
  const loop = getRunningLoop();
  loop.setExceptionHandler((_loop, { message, exception }) => mustBe(false, `${message}: ${exception}`));
  const idle: Outcome['idle'] = [];
  let began = loop.time();
  let connections = 0;
  let enough = 0;
  /** asked for, and not lost yet */
  let clients = 0;
  let served = 0;
  let quiet = loop.createFuture<void>();
  const server = yield* loop.createServer(accept, { host: '127.0.0.1', port: 0, backlog: 2 * openMax });
  const { host, port } = server.sockets[0] as InternetAddress;

  function accept(): Talker {
    served++;
    return new Talker(1, 0, () => {
      served--;
      loop.callSoon(goOn);
    });
  }

  function* connect(id: number): Generator<Suspension, void, unknown> {
    const onLost = () => {
      clients--;
      // Behind this call, and what it leaves.
      loop.callSoon(goOn);
    };
    try {
      yield* loop.createConnection(() => new Talker(0, id, onLost), { host, port });
    } catch (error) {
      mustBe(false, `${id} could not connect: ${error}`);
      onLost();
    }
  }

  function goOn(): void {
    if (connections < enough || loop.time() < began + options.duration / roundCount) {
      for (; clients < openMax; clients++) loop.createTask(connect(connections++));
    } else if (clients === 0 && served === 0 && !quiet.done()) {
      quiet.setResult();
    }
  }

  function* measure(): Generator<Suspension, void, unknown> {
    for (let i = 0; i < 3; i++) {
      gc();
      yield;
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    const descriptors = readdirSync('/proc/self/fd').length;
    idle.push({ descriptors, heapBytes: heapUsed + external, residentBytes: rss });
  }

  yield* measure();
  for (let round = 1; round <= roundCount; round++) {
    began = loop.time();
    enough = (options.connections * round) / roundCount;
    quiet = loop.createFuture<void>();
    goOn();
    yield* quiet;
    yield* measure();
  }
  server.close();
  yield* server.waitClosed();
  return { connections, receivedBytes, wrong, idle };
}

const outcome = await run(churn, { driver: options.driver, runner: options.runner });
process.stdout.write(`${JSON.stringify(outcome)}\n`);

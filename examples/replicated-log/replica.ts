/**
 * A replicated log: some servers keep the same list of entries, and go on while most of them are there. One of them, the
 * leader, takes entries and has the others copy them; if it is not heard of for a while, another is elected.
 *
 * It is the core of Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014), with its
 * words and rules: elections with terms (5.2), replication (5.3), the election restriction (5.4). Messages are datagrams:
 * each says all that its receiver needs, so that it may be lost, come twice, or late.
 *
 * `explore.ts`, beside this file, looks for what can go wrong in it.
 */
import {
  coroutine,
  type DatagramEndpoint,
  type EventLoop,
  getRunningLoop,
  type InternetAddress,
  openDatagram,
  type Suspension,
  sleep,
  type TaskGroup,
  taskGroup,
} from 'tulipa';

export interface Entry {
  readonly term: number;
  /** empty: put in by a leader, so that there is an entry of its term */
  readonly value: string;
}

/** What survives a crash. Raft's "persistent state" (figure 2). */
export interface Disk {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
}

export interface ReplicaOptions {
  name: string;
  /** names of the others; all listen on the same port */
  others: readonly string[];
  port: number;
  disk: Disk;
  /** evenly from 0 on, below 1: no two should wait for the same time before they ask to be elected */
  random: () => number;
  /** for who wants to know: it leads in this term; an entry is committed */
  onLeading?: (term: number) => void;
  onCommitted?: (index: number, entry: Entry) => void;
  /** Keeps its vote in memory alone, and so forgets it in a crash: the mistake that is to be found. */
  mistaken?: boolean;
}

export type Message =
  | { kind: 'vote?'; from: string; term: number; lastIndex: number; lastTerm: number }
  | { kind: 'vote'; from: string; term: number; granted: boolean }
  | {
      kind: 'append?';
      from: string;
      term: number;
      previous: number;
      previousTerm: number;
      entries: Entry[];
      committed: number;
    }
  | { kind: 'append'; from: string; term: number; matched: number; ok: boolean }
  | { kind: 'propose?'; from: string; value: string }
  | { kind: 'propose'; value: string; committed: boolean; leader: string | null };

const heartbeatInterval = 50;
const electionTimeoutMin = 150;
const electionTimeoutMax = 300;
const entriesMax = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Runs until it is cancelled. */
export const runReplica = coroutine(function* (options: ReplicaOptions) {
  const localAddress = { host: '0.0.0.0', port: options.port };
  // What cannot be delivered is as good as lost.
  const endpoint = yield* openDatagram({ localAddress, onError: () => {} });
  try {
    const loop = getRunningLoop();
    const addresses = new Map<string, InternetAddress>();
    for (const name of options.others) {
      const [found] = yield* loop.getaddrinfo(name, options.port, { family: 4, type: 'datagram' });
      if (found !== undefined) addresses.set(name, { host: found.host, port: found.port, family: 4 });
    }
    const replica = new Replica(options, endpoint, addresses, loop);
    yield* taskGroup((group) => replica.run(group));
  } finally {
    endpoint.close();
  }
});

class Replica {
  readonly #options: ReplicaOptions;
  readonly #endpoint: DatagramEndpoint;
  readonly #addresses: ReadonlyMap<string, InternetAddress>;
  readonly #loop: EventLoop;
  #role: 'follower' | 'candidate' | 'leader' = 'follower';
  #term: number;
  #votedFor: string | null;
  /** entry 1 is `log[0]`, as the paper counts */
  readonly #log: Entry[];
  #committed = 0;
  #leader: string | null = null;
  /** when to do something without being asked: ask for votes; as a leader, tell the others that it is there */
  #deadline = 0;
  readonly #votes = new Set<string>();
  readonly #next = new Map<string, number>();
  readonly #matched = new Map<string, number>();
  /** who waits for what he proposed to be committed */
  readonly #proposers = new Map<string, InternetAddress>();

  constructor(
    options: ReplicaOptions,
    endpoint: DatagramEndpoint,
    addresses: ReadonlyMap<string, InternetAddress>,
    loop: EventLoop,
  ) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#addresses = addresses;
    this.#loop = loop;
    const { disk } = options;
    this.#term = (disk.get('term') as number | undefined) ?? 0;
    this.#votedFor = (disk.get('votedFor') as string | null | undefined) ?? null;
    this.#log = [...((disk.get('log') as Entry[] | undefined) ?? [])];
    this.#waitForLeader();
  }

  *run(group: TaskGroup): Generator<Suspension, never, unknown> {
    group.createTask(this.#receiving());
    return yield* this.#keepingTime();
  }

  *#receiving(): Generator<Suspension, never, unknown> {
    for (;;) {
      const { data, address } = yield* this.#endpoint.receive();
      this.#handle(JSON.parse(decoder.decode(data)) as Message, address as InternetAddress);
    }
  }

  *#keepingTime(): Generator<Suspension, never, unknown> {
    for (;;) {
      const left = this.#deadline - this.#loop.time();
      if (left > 0) yield* sleep(left);
      else if (this.#role === 'leader') this.#sendEntries();
      else this.#standForElection();
    }
  }

  #handle(message: Message, address: InternetAddress): void {
    if ('term' in message && message.term > this.#term) this.#follow(message.term);
    switch (message.kind) {
      case 'vote?':
        this.#vote(message);
        break;
      case 'vote':
        if (this.#role !== 'candidate' || message.term !== this.#term || !message.granted) break;
        this.#votes.add(message.from);
        if (this.#isMost(this.#votes.size)) this.#lead();
        break;
      case 'append?':
        this.#append(message);
        break;
      case 'append':
        this.#appended(message);
        break;
      case 'propose?':
        this.#propose(message.value, address);
        break;
    }
  }

  // Elections (5.2, 5.4.1)

  #standForElection(): void {
    this.#role = 'candidate';
    this.#leader = null;
    this.#setTerm(this.#term + 1, this.#options.name);
    this.#votes.clear();
    this.#votes.add(this.#options.name);
    this.#waitForLeader();
    const last = this.#log.length;
    this.#tellOthers({
      kind: 'vote?',
      from: this.#options.name,
      term: this.#term,
      lastIndex: last,
      lastTerm: this.#termAt(last),
    });
    if (this.#isMost(1)) this.#lead();
  }

  #vote({ from, term, lastIndex, lastTerm }: Message & { kind: 'vote?' }): void {
    const ownLast = this.#log.length;
    const ownTerm = this.#termAt(ownLast);
    const upToDate = lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= ownLast);
    const granted = term === this.#term && upToDate && (this.#votedFor === null || this.#votedFor === from);
    if (granted) {
      this.#setTerm(term, from);
      this.#waitForLeader();
    }
    this.#tell(from, { kind: 'vote', from: this.#options.name, term: this.#term, granted });
  }

  #lead(): void {
    this.#role = 'leader';
    this.#leader = this.#options.name;
    for (const name of this.#options.others) {
      this.#next.set(name, this.#log.length + 1);
      this.#matched.set(name, 0);
    }
    // Entries of terms before are committed with the first one of this term (5.4.2), so there must be one (8).
    this.#addEntry('');
    this.#options.onLeading?.(this.#term);
    this.#sendEntries();
  }

  #follow(term: number): void {
    this.#role = 'follower';
    this.#leader = null;
    this.#setTerm(term, null);
    this.#waitForLeader();
  }

  #setTerm(term: number, votedFor: string | null): void {
    this.#term = term;
    this.#votedFor = votedFor;
    this.#options.disk.set('term', term);
    if (this.#options.mistaken !== true) this.#options.disk.set('votedFor', votedFor);
  }

  #waitForLeader(): void {
    const spread = electionTimeoutMax - electionTimeoutMin;
    this.#deadline = this.#loop.time() + electionTimeoutMin + spread * this.#options.random();
  }

  // Replication (5.3)

  #propose(value: string, proposer: InternetAddress): void {
    if (this.#role !== 'leader') {
      this.#answer(proposer, { kind: 'propose', value, committed: false, leader: this.#leader });
      return;
    }
    const place = this.#log.findIndex((entry) => entry.value === value);
    if (place >= 0 && place < this.#committed) {
      this.#answer(proposer, { kind: 'propose', value, committed: true, leader: this.#options.name });
      return;
    }
    this.#proposers.set(value, proposer);
    if (place >= 0) return; // said again: it is on its way
    this.#addEntry(value);
    this.#sendEntries();
  }

  #addEntry(value: string): void {
    this.#log.push({ term: this.#term, value });
    this.#options.disk.set('log', [...this.#log]);
  }

  #sendEntries(): void {
    this.#deadline = this.#loop.time() + heartbeatInterval;
    for (const name of this.#options.others) this.#sendEntriesTo(name);
    this.#commit();
  }

  #sendEntriesTo(name: string): void {
    const previous = (this.#next.get(name) as number) - 1;
    this.#tell(name, {
      kind: 'append?',
      from: this.#options.name,
      term: this.#term,
      previous,
      previousTerm: this.#termAt(previous),
      entries: this.#log.slice(previous, previous + entriesMax),
      committed: this.#committed,
    });
  }

  #append({ from, term, previous, previousTerm, entries, committed }: Message & { kind: 'append?' }): void {
    const answer = (ok: boolean, matched: number) =>
      this.#tell(from, { kind: 'append', from: this.#options.name, term: this.#term, ok, matched });
    if (term < this.#term) {
      answer(false, 0);
      return;
    }
    this.#role = 'follower';
    this.#leader = from;
    this.#waitForLeader();
    if (previous > this.#log.length || this.#termAt(previous) !== previousTerm) {
      answer(false, Math.min(previous - 1, this.#log.length));
      return;
    }
    entries.forEach((entry, i) => {
      const index = previous + 1 + i;
      if (this.#termAt(index) === entry.term) return;
      // What a leader of before had, and never committed, makes room.
      this.#log.length = index - 1;
      this.#log.push(entry);
    });
    if (entries.length > 0) this.#options.disk.set('log', [...this.#log]);
    const matched = previous + entries.length;
    this.#setCommitted(Math.min(committed, matched));
    answer(true, matched);
  }

  #appended({ from, term, ok, matched }: Message & { kind: 'append' }): void {
    if (this.#role !== 'leader' || term !== this.#term) return;
    if (ok) {
      this.#matched.set(from, Math.max(matched, this.#matched.get(from) as number));
      this.#next.set(from, (this.#matched.get(from) as number) + 1);
      this.#commit();
      if (matched < this.#log.length) this.#sendEntriesTo(from);
    } else if (matched + 1 < (this.#next.get(from) as number)) {
      this.#next.set(from, Math.max(matched, this.#matched.get(from) as number) + 1);
      this.#sendEntriesTo(from);
    }
  }

  /** An entry of this term that most have is committed, and with it all before (5.4.2). */
  #commit(): void {
    for (let index = this.#log.length; index > this.#committed; index--) {
      if (this.#termAt(index) !== this.#term) return;
      let have = 1;
      for (const matched of this.#matched.values()) if (matched >= index) have++;
      if (this.#isMost(have)) {
        this.#setCommitted(index);
        return;
      }
    }
  }

  #setCommitted(index: number): void {
    while (this.#committed < index) {
      const entry = this.#log[this.#committed] as Entry;
      this.#committed++;
      this.#options.onCommitted?.(this.#committed, entry);
      const proposer = this.#proposers.get(entry.value);
      if (proposer === undefined) continue;
      this.#proposers.delete(entry.value);
      this.#answer(proposer, { kind: 'propose', value: entry.value, committed: true, leader: this.#leader });
    }
  }

  #termAt(index: number): number {
    return this.#log[index - 1]?.term ?? 0;
  }

  #isMost(count: number): boolean {
    return 2 * count > this.#options.others.length + 1;
  }

  #tellOthers(message: Message): void {
    for (const name of this.#options.others) this.#tell(name, message);
  }

  #tell(name: string, message: Message): void {
    const address = this.#addresses.get(name);
    if (address !== undefined) this.#answer(address, message);
  }

  #answer(address: InternetAddress, message: Message): void {
    void this.#endpoint.send(encoder.encode(JSON.stringify(message)), address);
  }
}

/** Has `value` appended to the log; returns when it is committed, however often it must be said. */
export const propose = coroutine(function* (value: string, replicas: readonly string[], port: number) {
  const loop = getRunningLoop();
  const endpoint = yield* openDatagram({ localAddress: { host: '0.0.0.0', port: 0 }, onError: () => {} });
  try {
    const answers = new Map<string, boolean>();
    let leader: string | null = null;
    yield* taskGroup(function* (group) {
      const receiving = group.createTask(function* () {
        for (;;) {
          const { data } = yield* endpoint.receive();
          const message = JSON.parse(decoder.decode(data)) as Message;
          if (message.kind !== 'propose' || message.value !== value) continue;
          answers.set(value, message.committed);
          leader = message.leader;
          if (message.committed) return;
        }
      });
      for (let i = 0; !receiving.done(); i++) {
        const name: string = leader ?? (replicas[i % replicas.length] as string);
        leader = null;
        const [address] = yield* loop.getaddrinfo(name, port, { family: 4, type: 'datagram' });
        if (address !== undefined) {
          const message: Message = { kind: 'propose?', from: '', value };
          void endpoint.send(encoder.encode(JSON.stringify(message)), {
            host: address.host,
            port: address.port,
            family: 4,
          });
        }
        yield* sleep(100);
      }
    });
  } finally {
    endpoint.close();
  }
});

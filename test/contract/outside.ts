import { existsSync, fstatSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Signal } from '../../src/interface/index.ts';
import type { EventLoop } from '../../src/runtime/index.ts';
import type { Reading } from '../support/programs/raw-peers.ts';
import type { Steps } from './endpoints.ts';
import { openRawDatagrams } from './raw-datagrams.ts';
import { RealPeers } from './raw-peers.ts';

/** What a test sees of the world in which a loop is, and does there past the loop. */
export interface Outside {
  /** What a program gets from elsewhere. */
  raise(signal: Signal): void;
  /** The signal comes while the loop waits; what it returns is for after the run. */
  raiseWhileWaiting(loop: EventLoop, signal: Signal): () => Promise<void>;
  /** Which signals the loop's program does not leave to the system. */
  caughtSignals(loop: EventLoop): string | undefined;
  /** How many sockets the program has. */
  openSockets(): number;
  /** Whether there is a socket of that name, and which one, or only something else. */
  socketAt(path: string): unknown;
  startPeers(): Promise<RawPeers>;
  openDatagrams(kind?: 'Unix' | 'UDP'): RawDatagrams;
}

/** Peers that are not ours, for what ours would not do. */
export interface RawPeers {
  /** A server; it is gone at the end of the run at the latest. */
  open(): Steps<RawServer>;
  /** What a peer that was to report has read. Where the host's loop is one of the world's parts, it must turn for it. */
  reported(): PromiseLike<Reading>;
  stop(): Promise<void>;
}

export interface RawServer {
  readonly address: { host: string; port: number };
  /** The next client that comes; nothing of it is read before that is asked for. */
  accept(): Steps<RawPeer>;
  /** Connects to that port of the loop's machine, and resets the connection at once. */
  connectAndReset(port: number): Steps;
  /** Takes no more clients. */
  stop(): Steps;
  close(): Steps;
}

export interface RawPeer {
  reset(): Steps;
  destroy(): Steps;
  /** Ends its direction after this text. */
  end(text: string): Steps;
  /** Sends so many bytes, all 7. */
  write(byteCount: number): Steps;
  /** Sends without end. */
  flood(): Steps;
  readToEnd(): Steps<Reading>;
  /** Reads to the end, whatever becomes of the run, and reports it. */
  report(): Steps;
}

/** A datagram socket without a loop: what a peer does when it is told to, at once. */
export interface RawDatagrams extends Disposable {
  bind(path: string): void;
  bindPort(port: number): void;
  connect(path: string): void;
  send(data: Uint8Array): void;
  /** null: there is none now */
  receive(): Uint8Array | null;
  close(): void;
}

/** This process, on this machine. */
export const realOutside: Outside = {
  raise(signal) {
    process.kill(process.pid, signal);
  },
  raiseWhileWaiting(_loop, signal) {
    const worker = new Worker(`process.kill(${process.pid}, '${signal}')`, { eval: true });
    return async () => void (await worker.terminate());
  },
  caughtSignals() {
    // As the kernel has it, or else as Node does.
    if (process.platform === 'linux')
      return /^SigCgt:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[0];
    return process.eventNames().join();
  },
  openSockets() {
    return readdirSync('/dev/fd').filter((name) => {
      try {
        return fstatSync(Number(name)).isSocket();
      } catch {
        return false; // the listing's own
      }
    }).length;
  },
  socketAt(path) {
    if (!existsSync(path)) return null;
    const status = lstatSync(path);
    return status.isSocket() ? status.ino : 'no socket';
  },
  startPeers: () => RealPeers.start(),
  openDatagrams: (kind) => openRawDatagrams(kind),
};

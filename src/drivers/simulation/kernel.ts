import { Ports } from './ports.ts';
import type { UdpChannel } from './udp-channel.ts';
import { UnixNames } from './unix-names.ts';

/** A socket, as far as the kernel is concerned. */
export interface KernelSocket {
  /** The program that opened it. It may have closed it, and the kernel still be sending what it took. */
  readonly program: object;
  /** Open, and worth being waited for: by it, a program of Node's does not end by itself. */
  readonly keepsAlive: boolean;
  /** The program ends: as if it closed it. */
  close(): void;
  /** The machine has lost its power. Nobody is told, on this side or the other. */
  vanish(): void;
}

/** What a machine knows of sockets. */
export class Kernel {
  /** who listens, or connects from there */
  readonly tcp = new Ports<object>();
  readonly udp = new Ports<UdpChannel>();
  readonly unixNames = new UnixNames<object>();
  readonly #sockets = new Set<KernelSocket>();

  /** How many there are, also of programs that have closed theirs: as long as something is to be sent still. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  opened(socket: KernelSocket): void {
    this.#sockets.add(socket);
  }

  closed(socket: KernelSocket): void {
    this.#sockets.delete(socket);
  }

  /** Whether a program has something open that is worth being waited for. */
  keepsAlive(program: object): boolean {
    for (const socket of this.#sockets) if (socket.program === program && socket.keepsAlive) return true;
    return false;
  }

  /** Closes what a program has left open. */
  programEnded(program: object): void {
    for (const socket of [...this.#sockets]) if (socket.program === program) socket.close();
  }

  powerLost(): void {
    for (const socket of [...this.#sockets]) socket.vanish();
    this.#sockets.clear();
  }
}

import {
  checked,
  closeDescriptor,
  constants,
  EAGAIN,
  encodeAddress,
  errno,
  isDarwin,
  libc,
  openSocket,
  setOption,
} from '../../src/syscalls/index.ts';
import type { RawDatagrams } from './outside.ts';

const SO_SNDBUF = isDarwin ? 0x1001 : 7;

/** Of the kernel, with twice the usual room for what it sends. */
export function openRawDatagrams(kind: 'Unix' | 'UDP' = 'Unix'): RawDatagrams {
  return new RealDatagrams(openSocket(kind === 'Unix' ? 'unix' : 4, 'datagram', 'test'));
}

class RealDatagrams implements RawDatagrams {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(new ArrayBuffer(1024 * 1024));
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
    // Twice as much, as socket(7) has it.
    setOption(fd, constants.SOL_SOCKET, SO_SNDBUF, 200_000);
  }

  bind(path: string): void {
    const address = encodeAddress({ path });
    checked(libc().bind(this.#fd, address, address.length), 'test', 'bind');
  }

  bindPort(port: number): void {
    const address = encodeAddress({ host: '127.0.0.1', port, family: 4 });
    checked(libc().bind(this.#fd, address, address.length), 'test', 'bind');
  }

  connect(path: string): void {
    const address = encodeAddress({ path });
    checked(libc().connect(this.#fd, address, address.length), 'test', 'connect');
  }

  send(data: Uint8Array): void {
    checked(libc().send(this.#fd, data, data.length, 0), 'test', 'send');
  }

  receive(): Uint8Array | null {
    const count = libc().recv(this.#fd, this.#buffer, this.#buffer.length, 0);
    if (count >= 0) return this.#buffer.slice(0, count);
    const number = errno();
    if (number === EAGAIN) return null;
    throw new Error(`recv: ${number}`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeDescriptor(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

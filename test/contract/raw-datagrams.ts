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

const SO_SNDBUF = isDarwin ? 0x1001 : 7;

/** A datagram socket without a loop: what a peer does when it is told to, at once. */
export function openRawDatagrams(kind: 'Unix' | 'UDP' = 'Unix'): RawDatagrams {
  return new RawDatagrams(openSocket(kind === 'Unix' ? 'unix' : 4, 'datagram', 'test'));
}

class RawDatagrams implements Disposable {
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

  /** null: there is none now */
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

import { type FileRange, NotSupportedError } from '../../interface/index.ts';
import {
  EAGAIN,
  EBADF,
  EINTR,
  EINVAL,
  EIO,
  EISDIR,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EOVERFLOW,
  ESPIPE,
  errno,
  isDarwin,
  libc,
  systemFailure,
} from '../../syscalls/index.ts';

/** Bytes of one call, and calls at one readiness: then others get their turn. */
const callBytesMax = 1024 * 1024;
const callsMax = 4;

const notOffered: ReadonlySet<number> = new Set([EINVAL, ENOSYS, EOPNOTSUPP]);
const ofTheFile: ReadonlySet<number> = new Set([
  EBADF,
  EIO,
  EISDIR,
  ENOMEM,
  EOVERFLOW,
  ESPIPE,
  ...notOffered,
]);

/** sendfile(2), as often as it takes. The file's own position stays where it is. */
export class FileSend {
  readonly #socket: number;
  readonly #range: FileRange;
  readonly #position = new DataView(new ArrayBuffer(8));
  #sentBytes = 0;

  constructor(socket: number, range: FileRange) {
    this.#socket = socket;
    this.#range = range;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** 0: all is sent, or the file has ended; EAGAIN: the socket is full, or it is others' turn; else what went wrong. */
  attempt(): number {
    // Apple's has other arguments.
    if (isDarwin) return ENOSYS;
    const { fd, offset, count } = this.#range;
    for (let calls = 0; calls < callsMax; calls++) {
      const wanted = Math.min(callBytesMax, (count ?? Infinity) - this.#sentBytes);
      if (wanted === 0) return 0;
      this.#position.setBigInt64(0, BigInt(offset + this.#sentBytes), true);
      const sent = Number(libc().sendfile(this.#socket, fd, this.#position, wanted));
      if (sent === 0) return 0;
      if (sent > 0) {
        this.#sentBytes += sent;
      } else {
        const number = errno();
        if (number !== EINTR) return number;
      }
    }
    return EAGAIN;
  }

  /** What `attempt` says, as an error; null if it is not of the file but of the connection. */
  failure(number: number): Error | null {
    if (this.#sentBytes === 0 && notOffered.has(number)) {
      const cause = systemFailure('send the file', 'sendfile', number);
      return new NotSupportedError(
        'sendfile',
        'readiness',
        'Cannot send the file: the kernel does not send such a one by itself',
        { cause },
      );
    }
    return ofTheFile.has(number) ? systemFailure('send the file', 'sendfile', number) : null;
  }
}

import type { Waitable } from '../../interface/index.ts';

/** The body of a response, handed out piece by piece as fast as the client takes it. */
export interface BodySource {
  /** bytes in all; null if that is not known beforehand */
  readonly byteCount: number | null;
  /** The next piece, at least one byte; null at the end. Not called again after that, nor after an error. */
  read(): Uint8Array | null | Waitable<Uint8Array | null>;
  /** Called once, however the response ended. */
  close(): void;
}

/** Small enough that a write deadline for one piece is fair, large enough that a piece is worth a system call. */
export const PIECE_BYTES = 64 * 1024;

/** A body that is in memory. */
export function bytesBody(bytes: Uint8Array): BodySource {
  let position = 0;
  return {
    byteCount: bytes.length,
    read() {
      if (position === bytes.length) return null;
      const piece = bytes.subarray(position, position + PIECE_BYTES);
      position += piece.length;
      return piece;
    },
    close() {},
  };
}

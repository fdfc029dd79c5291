import { openLibzmq, zmqFailure } from './libzmq.ts';

/** Of Z85, and the NUL behind it. */
const keyBytes = 41;

/**
 * New keys for `curve`. The public one may be told to anybody.
 *
 * @param library as a context has it
 * @throws {NotSupportedError} there is no libzmq @throws {SystemError} ENOTSUP: it was built without CURVE
 * @see zmq_curve_keypair(3)
 */
export function curveKeyPair(library?: string): { publicKey: string; secretKey: string } {
  const libzmq = openLibzmq(library);
  const [publicKey, secretKey] = [0, 0].map(() => new Uint8Array(new ArrayBuffer(keyBytes))) as [
    Uint8Array,
    Uint8Array,
  ];
  if (libzmq.zmq_curve_keypair(publicKey, secretKey) !== 0) {
    throw zmqFailure(libzmq, 'make keys', 'zmq_curve_keypair');
  }
  const text = (key: Uint8Array) => new TextDecoder().decode(key.subarray(0, keyBytes - 1));
  return { publicKey: text(publicKey), secretKey: text(secretKey) };
}

/**
 * A course of a simulation in a few characters, to be printed with a failure and given back in `TULIPA_SEED`: a seed,
 * `17`, or a seed and the choices that are not plain, all others being so, `17:…`.
 *
 * Behind the colon is base64url (RFC 4648, section 5) of: a byte that checks the rest, a byte that is 1 where the rest is
 * deflated, and for each label its length in bytes, the label, the number of its choices, and of each how many were left
 * out since the last one, and its outcome; numbers as LEB128.
 */
import { Buffer } from 'node:buffer';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { LoopError } from '../interface/index.ts';
import type { Prescription } from './deviations.ts';

/** What `TULIPA_SEED` was given is no seed, and nothing that was printed for it. */
export class ReplayTokenError extends LoopError<'ERR_REPLAY_TOKEN'> {
  override readonly name = 'ReplayTokenError';
  readonly token: string;

  constructor(token: string, what: string, options?: ErrorOptions) {
    super('ERR_REPLAY_TOKEN', `Cannot replay '${token}': ${what}`, options);
    this.token = token;
  }
}

export interface Replay {
  readonly seed: number;
  /** null: the course that the seed gives; else this, and everything else plain */
  readonly prescriptions: readonly Prescription[] | null;
}

export function encodeReplay({ seed, prescriptions }: Replay): string {
  if (prescriptions === null) return String(seed);
  const plain = Uint8Array.from(encodePrescriptions(prescriptions));
  const deflated = deflateRawSync(plain);
  const isShorter = deflated.length < plain.length;
  const body = Buffer.from([isShorter ? 1 : 0, ...(isShorter ? deflated : plain)]);
  return `${seed}:${Buffer.from([checkOf(body), ...body]).toString('base64url')}`;
}

/** @throws {ReplayTokenError} it was not made by `encodeReplay`, or has been cut or mistyped since */
export function decodeReplay(token: string): Replay {
  const [, digits, encoded] = /^(\d+)(?::([\w-]*))?$/.exec(token) ?? [];
  const seed = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(seed))
    throw new ReplayTokenError(
      token,
      'it is neither a seed nor a seed, a colon and what was printed behind it',
    );
  if (encoded === undefined) return { seed, prescriptions: null };
  const bytes = Buffer.from(encoded, 'base64url');
  const body = bytes.subarray(1);
  if (body.length === 0 || bytes.toString('base64url') !== encoded || bytes[0] !== checkOf(body))
    throw new ReplayTokenError(token, 'it is not whole');
  try {
    const plain = body[0] === 1 ? inflateRawSync(body.subarray(1)) : body.subarray(1);
    return { seed, prescriptions: decodePrescriptions(plain) };
  } catch (cause) {
    throw new ReplayTokenError(token, 'it is not of this version, or not whole', { cause });
  }
}

function encodePrescriptions(prescriptions: readonly Prescription[]): number[] {
  const labels = new Map<string, Prescription[]>();
  for (const prescription of prescriptions) {
    const others = labels.get(prescription.label);
    if (others === undefined) labels.set(prescription.label, [prescription]);
    else others.push(prescription);
  }
  const bytes: number[] = [];
  for (const [label, ofLabel] of labels) {
    const name = Buffer.from(label);
    addNumber(bytes, name.length);
    bytes.push(...name);
    addNumber(bytes, ofLabel.length);
    let next = 0;
    for (const { index, outcome } of ofLabel.sort((one, other) => one.index - other.index)) {
      addNumber(bytes, index - next);
      addNumber(bytes, outcome);
      next = index + 1;
    }
  }
  return bytes;
}

function decodePrescriptions(bytes: Uint8Array): Prescription[] {
  const prescriptions: Prescription[] = [];
  let place = 0;
  const takeNumber = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[place++];
      if (byte === undefined) throw new RangeError('Cannot read a number: the text ends before it');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (place < bytes.length) {
    const length = takeNumber();
    const label = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(place, place + length));
    place += length;
    let index = 0;
    for (let left = takeNumber(); left > 0; left--) {
      index += takeNumber();
      prescriptions.push({ label, index, outcome: takeNumber() });
      index++;
    }
  }
  return prescriptions;
}

function addNumber(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
}

/** One letter mistyped, two exchanged, an end cut off. @see "Fletcher's checksum" */
function checkOf(bytes: Uint8Array): number {
  let sum = 1;
  let sums = 0;
  for (const byte of bytes) {
    sum = (sum + byte) % 255;
    sums = (sums + sum) % 255;
  }
  return sums;
}

/** Bytes above which a protocol is asked to pause writing, unless set otherwise. @see asyncio `_FlowControlMixin` */
export const highWaterMark = 64 * 1024;

export interface WriteLimits {
  readonly high: number;
  readonly low: number;
}

/**
 * The water marks of a write buffer from what the caller gave of them.
 *
 * @throws {RangeError} unless high >= low >= 0
 */
export function writeLimits(given?: { high?: number | undefined; low?: number | undefined }): WriteLimits {
  const high = given?.high ?? (given?.low === undefined ? highWaterMark : 4 * given.low);
  const low = given?.low ?? Math.floor(high / 4);
  if (!(high >= low && low >= 0)) {
    throw new RangeError(
      `Cannot set the write buffer limits: high (${high}) >= low (${low}) >= 0 does not hold`,
    );
  }
  return { high, low };
}

/** Whatever can tell the time and call back later. Milliseconds. */
export interface TimeSource {
  /** Where it begins does not matter; it never goes back. */
  now(): number;
  /**
   * Calls back once after `delay`, never from inside of this call; for 0, as soon as it can. Early is fine, as where times are
   * rounded: it is asked again for what is left.
   *
   * @returns takes it back
   */
  later(delay: number, callback: () => void): () => void;
}

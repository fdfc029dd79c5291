/**
 * Follows the cancelling or aborting of a Web stream. It fails with the stream's own error where the stream had failed
 * before: that is no failure of what was asked, and is left out.
 *
 * @param closed of the same stream
 */
export function exceptOwnError(asked: Promise<void>, closed: Promise<unknown>): Promise<void> {
  return asked.catch(async (error: unknown) => {
    const own = await closed.then(
      () => null,
      (reason: unknown) => ({ reason }),
    );
    if (own?.reason !== error) throw error;
  });
}

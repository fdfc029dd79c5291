/** What a Node stream is to be destroyed with: it knows errors only. */
export function errorOf(reason: unknown): Error | undefined {
  return reason instanceof Error ? reason : undefined;
}

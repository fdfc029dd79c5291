import { Future } from '../coroutines/index.ts';
import type { EventLoop, Suspension } from '../interface/index.ts';

interface Beginning {
  begin(started: () => void): void;
  close(): void;
}

/** Waits until the protocol's `connectionMade` has run; cancelled, it closes the transport. */
export function* beginTransport(loop: EventLoop, transport: Beginning): Generator<Suspension, void, unknown> {
  const started = new Future<void>({ loop });
  transport.begin(() => {
    if (!started.done()) started.setResult();
  });
  try {
    yield* started;
  } catch (error) {
    transport.close();
    throw error;
  }
}

import type { AtEnd, RealServer } from '../real-server.ts';

/** Runs something beside a real server, which is ended behind it. @throws {Error} it is not installed */
export async function withServer<T>(
  start: (atEnd: AtEnd) => Promise<RealServer | null>,
  use: (server: RealServer) => Promise<T>,
): Promise<T> {
  const ends: (() => Promise<void>)[] = [];
  const server = await start((end) => void ends.push(end));
  if (server === null) throw new Error('Cannot run the suite: its server is not installed');
  try {
    return await use(server);
  } finally {
    for (const end of ends) await end();
  }
}

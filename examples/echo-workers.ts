/**
 * An echo server in several threads: one port, and the kernel spreads connections over them.
 *
 * Shows: serveWorkers. This file is the program and the module that its workers import: they call what it exports.
 *
 *     node --conditions=source examples/echo-workers.ts [PORT] [WORKERS]     (0: a free port; 8888 unless given)
 */
import { isMainThread } from 'node:worker_threads';
import {
  getRunningLoop,
  run,
  type ServeWorker,
  type StreamReader,
  type StreamWriter,
  serveWorkers,
  startServer,
} from 'tulipa';

async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  try {
    for (;;) {
      const data = await reader.read(64 * 1024);
      if (data.length === 0) return;
      await writer.write(data);
    }
  } finally {
    writer.close();
  }
}

/** In each worker. */
export default function serve({ listen }: ServeWorker) {
  return startServer(echo, listen);
}

if (isMainThread) {
  await run(async () => {
    const loop = getRunningLoop();
    const [, , port = '8888', workers = '2'] = process.argv;
    const serving = await serveWorkers(import.meta.url, {
      host: '127.0.0.1',
      port: Number(port),
      workers: Number(workers),
    });
    const stopped = loop.createFuture<void>();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      loop.addSignalHandler(signal, () => {
        if (!stopped.done()) stopped.setResult();
      });
    }
    console.log(`listening on 127.0.0.1:${serving.port}`);
    await stopped;
    await serving.stop({ grace: 500 });
  });
}

// What the workers of the tests serve.
import { threadId } from 'node:worker_threads';
import {
  Future,
  getRunningLoop,
  type ServeWorker,
  type StreamReader,
  type StreamWriter,
  sleep,
  startServer,
} from 'tulipa';

/** Answers the first line by the number of the worker, and closes. */
export default function ({ index, listen }: ServeWorker) {
  return startServer(function* (reader: StreamReader, writer: StreamWriter) {
    yield* reader.readLine();
    writer.write(`${index} ${threadId} ${getRunningLoop().driverName}\n`);
    writer.close();
  }, listen);
}

/** Does what the line says. */
export function* obedient({ index, listen, data }: ServeWorker<string>) {
  return yield* startServer(function* (reader: StreamReader, writer: StreamWriter) {
    const line = String.fromCharCode(...(yield* reader.readLine())).trim();
    if (line === 'exit') process.exit(3);
    if (line === 'throw') {
      process.nextTick(() => {
        throw new RangeError('of a worker');
      });
    }
    if (line === 'wait') {
      writer.write('waiting\n');
      yield* new Future<void>();
    }
    if (line === 'slow') {
      writer.write('begun\n');
      yield* reader.readLine();
    }
    writer.write(`${index} ${data}\n`);
    writer.close();
  }, listen);
}

export async function failing({ index }: ServeWorker) {
  await sleep(0);
  throw new RangeError(`of worker ${index}`);
}

export const nothing = () => 1;

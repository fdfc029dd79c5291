import { lstatSync, rmSync } from 'node:fs';
import { coroutine, createTask, gather, sleep, timeout } from '../coroutines/index.ts';
import { LoopError, type Suspension, TimeoutError } from '../interface/index.ts';
import { openUnixConnection } from '../streams/index.ts';
import type { DebugAnswer, DebugRequest } from './debug-connection.ts';
import { debugSignal } from './debug-signal.ts';
import { activityOf, catchesSignal, environmentOf, programOf, stateOf, uidOf } from './process-info.ts';
import { ownUid, processExists, socketFolder, socketsOf, threadOf } from './socket-folder.ts';

/** How often to look whether the process has opened its socket, in milliseconds. */
const lookInterval = 10;

const answerTimeoutDefault = 2000;

/** Programs that may run a loop of ours, by the names that they have for most. */
const runtimes = /^(?:node|bun|deno|electron)/i;

const endedMeanwhile = 'it has ended meanwhile';

/** A process cannot be looked into: `message` says why. */
export class AskProcessError extends LoopError<'ERR_ASK_PROCESS'> {
  override readonly name = 'AskProcessError';
  readonly pid: number;

  constructor(pid: number, why: string, options?: ErrorOptions) {
    super('ERR_ASK_PROCESS', `Cannot look into process ${pid}: ${why}`, options);
    this.pid = pid;
  }
}

export interface AskProcessOptions {
  /** milliseconds for the answer; 2 000 unless given */
  timeout?: number | undefined;
  /** where the process has its socket; found out unless given */
  folder?: string | undefined;
}

/** What a process has answered. */
export interface ProcessAnswers {
  /** one for each of its threads that has a debug socket and answers; at least one */
  readonly answers: readonly unknown[];
  /** those that do not answer: their loops are blocked. 0: the main thread */
  readonly silent: readonly number[];
}

/**
 * Asks a process of this machine about its loops, one in each of its threads that has a debug socket. A process that has
 * none is asked to open one, by a signal that harms nobody.
 *
 * @throws {AskProcessError} there is no such process, it is not ours, has no loop, does not answer
 * @throws {RangeError} not a process id
 */
export const askProcess = coroutine(function* (
  pid: number,
  request: DebugRequest,
  options: AskProcessOptions = {},
): Generator<Suspension, ProcessAnswers, unknown> {
  if (!Number.isSafeInteger(pid) || pid <= 0)
    throw new RangeError(`Cannot look into process ${pid}: no process id`);
  const limit = options.timeout ?? answerTimeoutDefault;
  checkReachable(pid);
  const folders = options.folder === undefined ? foldersOf(pid) : [options.folder];
  const sockets = yield* inTime(limit, findSockets(pid, folders));
  if (sockets === null) throw new AskProcessError(pid, whyNoSocket(pid, limit));
  const asked = yield* gather(
    sockets.map((path) =>
      createTask(function* () {
        return { path, answer: yield* inTime(limit, askSocket(pid, path, request)) };
      }),
    ),
  );
  const answers = asked.flatMap(({ answer }) => (answer === null ? [] : [answer]));
  const silent = asked.flatMap(({ path, answer }) => (answer === null ? [threadOf(path)] : []));
  if (answers.length > 0) return { answers, silent };
  const why = `it does not answer within ${limit} ms: its loop is blocked${activity(pid)}`;
  throw new AskProcessError(pid, hasEnded(pid) ? endedMeanwhile : why);
});

/** What the coroutine returns; null if that takes too long. */
function* inTime<T>(
  limit: number,
  body: Generator<Suspension, T, unknown>,
): Generator<Suspension, T | null, unknown> {
  try {
    return yield* timeout(limit, () => body);
  } catch (error) {
    if (error instanceof TimeoutError) return null;
    throw error;
  }
}

function activity(pid: number): string {
  const known = activityOf(pid);
  return known === null ? '' : `, ${known}`;
}

function checkReachable(pid: number): void {
  try {
    process.kill(pid, 0);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') throw new AskProcessError(pid, 'there is no such process');
    if (code === 'EPERM') throw new AskProcessError(pid, notYours(pid));
    throw new AskProcessError(pid, String(code), { cause: error });
  }
  if (hasEnded(pid)) {
    throw new AskProcessError(pid, 'it has ended, and is there only until its parent has asked how');
  }
}

/** Also true of a process that is there only because its parent has not asked for its end. */
function hasEnded(pid: number): boolean {
  return !processExists(pid) || stateOf(pid) === 'Z';
}

function notYours(pid: number): string {
  const uid = uidOf(pid);
  const whose = uid === null ? "somebody else's" : `of user ${uid}`;
  return `it is ${whose}, and only that user and root may look into it`;
}

/** Why a process that was asked for a socket has none. */
function whyNoSocket(pid: number, limit: number): string {
  if (hasEnded(pid)) return endedMeanwhile;
  // Others may handle the signal too: programs in Go always do.
  return `${callIt(pid)} has opened no debug socket within ${limit} ms: its loop is blocked${activity(pid)}, if it runs one`;
}

/** Why a process is not asked that does not handle the signal. */
function whyNotAsked(pid: number): string {
  if (environmentOf(pid)?.['TULIPA_DEBUG_SOCKET'] === '0') {
    return `${callIt(pid)} must not be asked: TULIPA_DEBUG_SOCKET is 0 in its environment`;
  }
  const program = programOf(pid);
  if (program !== null && !runtimes.test(program)) return `it (${program}) runs no Tulipa loop`;
  return `${callIt(pid)} runs no Tulipa loop that can be asked: none at all, or with debugSocket: false, or in worker threads without debugSocket: true`;
}

/** `it (node)`, where its program is known. */
function callIt(pid: number): string {
  const program = programOf(pid);
  return program === null ? 'it' : `it (${program})`;
}

/** Where the process may have its sockets: that depends on its environment, not on ours. */
function foldersOf(pid: number): string[] {
  const uid = uidOf(pid) ?? ownUid();
  const environments = [environmentOf(pid), process.env];
  return [...new Set(environments.flatMap((each) => (each === null ? [] : [socketFolder(each, uid)])))];
}

/** The sockets that answer, after asking for one if need be. */
function* findSockets(pid: number, folders: readonly string[]): Generator<Suspension, string[], unknown> {
  let asked = false;
  for (;;) {
    const sockets = yield* reachableSockets(pid, folders);
    if (sockets.length > 0) return sockets;
    if (!asked) askForSocket(pid);
    asked = true;
    if (hasEnded(pid)) throw new AskProcessError(pid, endedMeanwhile);
    yield* sleep(lookInterval);
  }
}

function* reachableSockets(
  pid: number,
  folders: readonly string[],
): Generator<Suspension, string[], unknown> {
  const reachable: string[] = [];
  for (const path of folders.flatMap((folder) => socketsOf(pid, folder))) {
    if (!belongsTo(path, pid)) continue;
    try {
      const { writer } = yield* openUnixConnection({ path });
      writer.transport.abort();
      reachable.push(path);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      // Left behind by a process that had the same number.
      if (code === 'ECONNREFUSED') rmSync(path, { force: true });
      else if (code === 'EACCES')
        throw new AskProcessError(pid, 'its debug socket is not yours to use', { cause: error });
      else if (code !== 'ENOENT') throw error;
    }
  }
  return reachable;
}

/** In a folder where all may write, somebody else may have put a socket with this name. */
function belongsTo(path: string, pid: number): boolean {
  try {
    const uid = uidOf(pid) ?? ownUid();
    return uid === null || lstatSync(path).uid === uid;
  } catch {
    return false;
  }
}

function askForSocket(pid: number): void {
  if (catchesSignal(pid, debugSignal) === false) {
    throw new AskProcessError(pid, whyNotAsked(pid));
  }
  try {
    process.kill(pid, debugSignal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ESRCH' ? endedMeanwhile : `it cannot be asked (${code})`;
    throw new AskProcessError(pid, why, { cause: error });
  }
}

function* askSocket(
  pid: number,
  path: string,
  request: DebugRequest,
): Generator<Suspension, unknown, unknown> {
  const { reader, writer } = yield* openUnixConnection({ path });
  try {
    yield* writer.write(`${JSON.stringify(request)}\n`);
    const answer = parseAnswer(new TextDecoder().decode(yield* reader.read()));
    if (answer === null)
      throw new AskProcessError(pid, 'its answer makes no sense: is it of another version?');
    if (!answer.ok) throw new AskProcessError(pid, answer.error);
    return answer.answer;
  } finally {
    writer.close();
  }
}

function parseAnswer(text: string): DebugAnswer | null {
  try {
    const answer = JSON.parse(text) as Partial<DebugAnswer> | null;
    if (answer?.ok === true && typeof answer.answer === 'object' && answer.answer !== null) {
      return answer as DebugAnswer;
    }
    return answer?.ok === false ? { ok: false, error: String(answer.error) } : null;
  } catch {
    return null;
  }
}

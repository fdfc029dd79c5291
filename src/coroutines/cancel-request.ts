import type { CancelledError } from '../interface/index.ts';
import type { Task } from './task.ts';

// A task that is cancelled asks what it waits for to give up; if that is a task, so does that one, and so on. A chain of
// them may be longer than the stack is deep, so the requests are kept here and answered one after the other, in the
// order in which calls inside calls would be. A task says at once whether it agrees: it does unless it is done.

/** A request that another task's request has led to. */
class CancelRequest {
  readonly task: Task<unknown>;
  readonly error: CancelledError;
  /** who waits for the task; null: nobody that we know of */
  readonly asker: Task<unknown> | null;
  /** by which of its waits */
  readonly wait: unknown;
  /** it has been answered, and those that followed from it are being */
  answered = false;

  constructor(task: Task<unknown>, error: CancelledError, asker: Task<unknown> | null) {
    this.task = task;
    this.error = error;
    this.asker = asker;
    this.wait = asker?.asked;
  }
}

/** the next one last; those that are answered stay until what followed from them is too */
const requests: CancelRequest[] = [];
let answering = false;
let asking: Task<unknown> | null = null;

/** Has `task` answer the request by `answerCancel`: now, or if this comes out of such an answer, right after that. */
export function requestCancel(task: Task<unknown>, error: CancelledError): void {
  if (answering) {
    requests.push(new CancelRequest(task, error, asking));
    return;
  }
  answering = true;
  try {
    task.answerCancel(error);
    if (requests.length > 0) answerAll();
  } finally {
    answering = false;
    asking = null;
  }
}

/** Says whose waits are being asked to give up; null: nobody's any more. */
export function setAsking(task: Task<unknown> | null): void {
  asking = task;
}

function answerAll(): void {
  try {
    requests.reverse();
    for (let next = requests.at(-1); next !== undefined; next = requests.at(-1)) {
      const { asker } = next;
      if (next.answered) {
        requests.pop();
        if (asker !== null) asker.asked = null;
        continue;
      }
      next.answered = true;
      if (asker !== null) asker.asked = next.wait;
      const first = requests.length;
      next.task.answerCancel(next.error);
      if (requests.length - first > 1) requests.push(...requests.splice(first).reverse());
    }
  } finally {
    // Left over only if one of the asked has thrown.
    for (const { asker } of requests.splice(0)) if (asker !== null) asker.asked = null;
  }
}

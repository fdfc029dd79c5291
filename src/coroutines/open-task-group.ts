import {
  type CancelledError,
  type EventLoop,
  type Future as FutureInterface,
  type GroupError,
  StateError,
} from '../interface/index.ts';
import { Future } from './future.ts';
import { JointWait } from './joint-wait.ts';
import { inOrder, misplacedEnd } from './scope-block.ts';
import { currentTask } from './task.ts';
import { TaskGroup } from './task-group.ts';

/** A task group that ends with the block it was opened in. */
export class OpenTaskGroup extends TaskGroup implements AsyncDisposable {
  #end: GroupEnd | null = null;

  /** Made by `openTaskGroup`. */
  constructor() {
    super();
    this.begin();
  }

  /** True for the cancellation by which this very group has stopped its block. */
  caught(error: unknown): error is CancelledError {
    return this.isOwn(error);
  }

  /**
   * Waits until all children have ended, and takes no more: the last thing that is done in the block.
   *
   * @throws {GroupError} all errors of children
   * @throws {StateError} the block has ended, or is another task's
   */
  join(): FutureInterface<void> {
    const { task } = this;
    const because = (why: string) =>
      new StateError('ERR_SCOPE_STATE', `Cannot join the OpenTaskGroup: ${why}`);
    if (task === null) throw because('its block has ended');
    if (currentTask() !== task)
      throw because(`it was opened in task ${task.getName()}, and this is not that`);
    return this.#ending(task.getLoop());
  }

  /**
   * The end of the block: cancels the children that are left and waits until they have ended. For a generator, which has no
   * `await using`, to call in its `finally`. Called again it does nothing.
   *
   * @throws {GroupError} all errors of children, if nobody has joined them
   * @throws {StateError} in another task, or while a scope that was opened after it is open
   */
  close(): FutureInterface<void> {
    const { task } = this;
    if (task === null) return nothingToWaitFor();
    if (this.#end?.done() !== true) this.abort('the block of the task group has ended');
    const mistake = misplacedEnd(this, task);
    const leave = () => inOrder(this, task, () => this.leave());
    if (mistake !== null) {
      leave();
      throw mistake;
    }
    if (this.#end?.done() === true) {
      leave();
      return nothingToWaitFor();
    }
    const end = this.#ending(task.getLoop());
    end.inBlock = false;
    if (end.done()) leave();
    else end.addDoneCallback(leave);
    return end;
  }

  [Symbol.asyncDispose](): FutureInterface<void> {
    return this.close();
  }

  protected override cancelInside(reason?: unknown): void {
    // Forgotten by its block, it ends with the scope around that.
    if (this.task !== null && this.task.scopes >= this.depth) super.cancelInside(reason);
  }

  #ending(loop: EventLoop): GroupEnd {
    if (this.#end !== null) return this.#end;
    const abort = (reason: unknown) => this.abort(reason);
    this.#end = new GroupEnd(loop, this.tasks, abort, () => this.finish());
    // What was to stop the block has come to where that ends by itself.
    this.task?.withdrawCancel(this);
    this.endWith(this.#end);
    return this.#end;
  }
}

/** The wait for the end of all children, which goes on when it is cancelled: that cancels the children. */
class GroupEnd extends JointWait {
  /** still inside the block: its end throws nothing but errors, so that it does not hide what comes out of the block */
  inBlock = true;
  readonly #abort: (reason: unknown) => void;
  readonly #finish: () => GroupError | null;
  #asked: { readonly reason: unknown } | null = null;

  constructor(
    loop: EventLoop,
    children: Iterable<unknown>,
    abort: (reason: unknown) => void,
    finish: () => GroupError | null,
  ) {
    super(loop, 'task group', children);
    this.#abort = abort;
    this.#finish = finish;
  }

  override cancel(reason?: unknown): boolean {
    if (this.done()) return super.cancel(reason);
    this.#asked ??= { reason };
    this.#abort(reason);
    return true;
  }

  /** There are no children any more. */
  override setResult(): void {
    const failure = this.#finish();
    if (failure !== null) this.fail(failure);
    else if (this.#asked !== null && this.inBlock) super.cancel(this.#asked.reason);
    else super.setResult();
  }

  override get endedUntold(): boolean {
    return this.#asked !== null && this.done() && !this.cancelled();
  }
}

function nothingToWaitFor(): Future<void> {
  const done = new Future<void>();
  done.setResult();
  return done;
}

/**
 * A task group for the rest of the block, in an `async` function:
 *
 *     await using group = openTaskGroup();
 *     for (const host of hosts) group.createTask(readBanner(host));
 *     await group.join();
 *
 * The first child that fails cancels its siblings and the rest of the block. Where the block ends all children have ended:
 * by themselves if it has waited in `join`, and cancelled if it is left in another way, because the end of a block cannot
 * know whether that is an error. The GroupError comes out of `join`; a block that was stopped in the middle of something
 * else throws it at its end, and the language wraps it, together with the cancellation, in a SuppressedError.
 *
 * @throws {StateError} this is no task
 * @see taskGroup, which waits and throws one error, however its body ends
 */
export function openTaskGroup(): OpenTaskGroup {
  return new OpenTaskGroup();
}

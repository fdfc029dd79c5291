const ids = new WeakMap<object, number>();
let given = 0;

/** A small number that a task has for as long as it is there, and no other task of the thread: names need not differ. */
export function taskId(task: object): number {
  let id = ids.get(task);
  if (id === undefined) {
    id = ++given;
    ids.set(task, id);
  }
  return id;
}

/** What can be in a linked list, in one at a time. The list alone writes these. */
export interface Linked {
  list: object | null;
  previous: Linked | null;
  next: Linked | null;
}

/** A list whose members carry the links, so that one in the middle leaves at no more cost than the first. */
export class LinkedList<N extends Linked> implements Iterable<N> {
  #first: N | null = null;
  #last: N | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): N | null {
    return this.#first;
  }

  /** Adds it at the end. */
  push<M extends N>(node: M): M {
    const last = this.#last;
    node.list = this;
    node.previous = last;
    if (last === null) this.#first = node;
    else last.next = node;
    this.#last = node;
    this.#length++;
    return node;
  }

  /** The first, which leaves. */
  shift(): N | null {
    const first = this.#first;
    if (first !== null) this.remove(first);
    return first;
  }

  /** The last, which leaves. */
  pop(): N | null {
    const last = this.#last;
    if (last !== null) this.remove(last);
    return last;
  }

  /** False if it is not here. */
  remove(node: N): boolean {
    if (node.list !== this) return false;
    const previous = node.previous as N | null;
    const next = node.next as N | null;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    node.list = null;
    node.previous = null;
    node.next = null;
    this.#length--;
    return true;
  }

  /** The one just given may leave meanwhile. */
  *[Symbol.iterator](): Iterator<N, void, unknown> {
    let node = this.#first;
    while (node !== null) {
      const next = node.next as N | null;
      yield node;
      node = next;
    }
  }
}

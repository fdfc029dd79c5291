/** 'begin': the last message of the handshake. */
export type SegmentKind = 'begin' | 'data' | 'end' | 'reset';

const nothing = new Uint8Array(0);

/** What one message of a stream carries. */
export class Segment {
  readonly kind: SegmentKind;
  readonly byteCount: number;
  data: Uint8Array;
  /** on its way: when it arrives; received: when its confirmation is back */
  when = 0;
  /** for the trace */
  message = 0;
  next: Segment | null = null;

  constructor(kind: SegmentKind, data: Uint8Array = nothing) {
    this.kind = kind;
    this.data = data;
    this.byteCount = data.length;
  }

  /** It is the peer's now. */
  takeData(): Uint8Array {
    const { data } = this;
    this.data = nothing;
    return data;
  }
}

/** First in, first out, without anything made for it. */
export class SegmentQueue {
  first: Segment | null = null;
  last: Segment | null = null;

  push(segment: Segment): void {
    segment.next = null;
    if (this.last === null) this.first = segment;
    else this.last.next = segment;
    this.last = segment;
  }

  /** The first, which leaves; there is one. */
  shift(): Segment {
    const segment = this.first as Segment;
    this.first = segment.next;
    if (this.first === null) this.last = null;
    segment.next = null;
    return segment;
  }

  /** All of the other come before those that are here. */
  putBack(other: SegmentQueue): void {
    if (other.last === null) return;
    other.last.next = this.first;
    this.first = other.first;
    this.last ??= other.last;
    other.clear();
  }

  clear(): void {
    this.first = null;
    this.last = null;
  }
}

/** Spans in columns: one array per attribute, linked as a tree in the order they began. */

export const NONE = -1;

/** The task itself: above all other spans, never shown. */
export const ROOT = 0;

/** @typedef {"task"|"agent"|"turn"|"model"|"tool"|"recall"|"gate"|"mark"} SpanKind */
/** @typedef {"pending"|"waiting"|"done"|"failed"|"refused"|"lost"|"cancelled"} SpanState */

export class Spans {
  constructor() {
    this.length = 0;
    this.kind = /** @type {SpanKind[]} */ ([]);
    this.name = /** @type {string[]} */ ([]);
    this.note = /** @type {string[]} */ ([]);
    this.state = /** @type {SpanState[]} */ ([]);
    this.agent = /** @type {number[]} */ ([]);
    this.start = /** @type {number[]} milliseconds since the epoch */ ([]);
    this.end = /** @type {number[]} NaN while pending */ ([]);
    this.tokens = /** @type {number[]} */ ([]);
    this.tainted = /** @type {boolean[]} */ ([]);
    this.call = /** @type {string[]} */ ([]);
    this.seq = /** @type {number[]} the event that opened it */ ([]);
    this.parent = /** @type {number[]} */ ([]);
    this.depth = /** @type {number[]} */ ([]);
    this.firstChild = /** @type {number[]} */ ([]);
    this.lastChild = /** @type {number[]} */ ([]);
    this.next = /** @type {number[]} */ ([]);
  }

  /**
   * @param {{kind: SpanKind, name: string, agent: number, parent: number, start: number, seq: number,
   *   state?: SpanState, end?: number, note?: string, call?: string}} span
   * @returns {number} its index
   */
  open(span) {
    const index = this.length;
    this.length += 1;
    this.kind.push(span.kind);
    this.name.push(span.name);
    this.note.push(span.note ?? "");
    this.state.push(span.state ?? "pending");
    this.agent.push(span.agent);
    this.start.push(span.start);
    this.end.push(span.end ?? NaN);
    this.tokens.push(0);
    this.tainted.push(false);
    this.call.push(span.call ?? "");
    this.seq.push(span.seq);
    this.parent.push(span.parent);
    this.depth.push(span.parent === NONE ? -1 : this.depth[span.parent] + 1);
    this.firstChild.push(NONE);
    this.lastChild.push(NONE);
    this.next.push(NONE);
    if (span.parent !== NONE) this.#append(span.parent, index);
    return index;
  }

  /** @param {number} index @param {SpanState} state @param {number} end @param {number} [seconds] */
  close(index, state, end, seconds) {
    this.state[index] = state;
    this.end[index] = end;
    if (seconds !== undefined && seconds > 0 && end - this.start[index] < 1) {
      this.start[index] = end - seconds * 1000;
    }
  }

  /** @param {number} index */
  isOpen(index) {
    return Number.isNaN(this.end[index]);
  }

  /** @param {number} parent @param {number} child */
  #append(parent, child) {
    if (this.firstChild[parent] === NONE) this.firstChild[parent] = child;
    else this.next[this.lastChild[parent]] = child;
    this.lastChild[parent] = child;
  }
}

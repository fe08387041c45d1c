/** Which rows a tree shows: preorder, without what is collapsed or filtered away. */

import { NONE } from "./spans.js";

/**
 * @param {import("./trace.js").Trace} trace
 * @param {{collapsed: Set<number>, query: string}} view
 * @returns {number[]} spans, from top to bottom
 */
export function visibleSpans(trace, { collapsed, query }) {
  const { spans } = trace;
  const wanted = query.trim() === "" ? null : matches(trace, query.trim());
  const rows = [];
  let span = spans.firstChild[0];
  while (span !== NONE) {
    const shown = wanted === null || wanted[span] === 1;
    if (shown) rows.push(span);
    const open = shown && (wanted !== null || !collapsed.has(span));
    span = open && spans.firstChild[span] !== NONE ? spans.firstChild[span] : following(spans, span);
  }
  return rows;
}

/** @param {import("./spans.js").Spans} spans @param {number} span */
function following(spans, span) {
  let current = span;
  while (current !== NONE && spans.next[current] === NONE) current = spans.parent[current];
  return current === NONE ? NONE : spans.next[current];
}

/** Marks the spans that match and all above them. @param {import("./trace.js").Trace} trace @param {string} query */
function matches(trace, query) {
  const { spans } = trace;
  const needle = query.toLowerCase();
  const marks = new Uint8Array(spans.length);
  for (let span = spans.length - 1; span > 0; span -= 1) {
    if (marks[span] === 1 || matchesSpan(trace, span, needle)) {
      for (let up = span; up !== NONE && marks[up] === 0; up = spans.parent[up]) marks[up] = 1;
      marks[span] = 1;
    }
  }
  return marks;
}

/** @param {import("./trace.js").Trace} trace @param {number} span @param {string} needle */
function matchesSpan(trace, span, needle) {
  const { spans } = trace;
  return (
    spans.name[span].toLowerCase().includes(needle) ||
    spans.note[span].toLowerCase().includes(needle) ||
    spans.kind[span] === needle ||
    spans.state[span] === needle
  );
}

/**
 * @param {import("./trace.js").Trace} trace @param {Set<number>} collapsed agent indexes
 * @returns {number[]} agent indexes, from top to bottom
 */
export function visibleAgents(trace, collapsed) {
  const rows = [];
  const stack = [];
  for (let index = trace.agents.length - 1; index >= 0; index -= 1) {
    if (trace.agents[index].parent === NONE) stack.push(index);
  }
  while (stack.length > 0) {
    const index = /** @type {number} */ (stack.pop());
    rows.push(index);
    if (collapsed.has(index)) continue;
    const { children } = trace.agents[index];
    for (let child = children.length - 1; child >= 0; child -= 1) stack.push(children[child]);
  }
  return rows;
}

/** @param {import("./trace.js").Trace} trace @returns {Set<number>} every span that has children, agents apart */
export function foldable(trace) {
  const found = /** @type {Set<number>} */ (new Set());
  for (let span = 1; span < trace.spans.length; span += 1) {
    if (trace.spans.firstChild[span] !== NONE) found.add(span);
  }
  return found;
}

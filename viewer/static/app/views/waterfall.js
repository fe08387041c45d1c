/** Everything agents did, on one axis of time. */

import { brief, duration } from "../model/format.js";
import { NONE } from "../model/spans.js";
import { around, place, tickLabel, ticks, wholeRange } from "../model/timeline.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { TreeList } from "../ui/tree_list.js";

const ROW = 28;
const DEEPEST_INDENT = 24;
const SEGMENTS = 12;
const TAINTED = "tainted: from an outside source";
/** @type {[any, string][]} */
const LEGEND = [
  ["agent", "agent"],
  ["turn", "turn"],
  ["model", "model call"],
  ["tool", "tool call"],
  ["recall", "recall"],
  ["gate", "gate"],
];

/** @param {{store: import("../store.js").TaskStore, now: number, narrow: boolean}} props */
export function Waterfall({ store, now, narrow }) {
  const { trace } = store;
  const { spans } = trace;
  const rows = store.spanRows();
  const range = store.zoom ?? wholeRange(trace, now);
  const length = range.to - range.from;
  const marks = ticks(range, trace.begin, narrow ? 3 : 6).map((offset) => ({
    label: tickLabel(offset, length),
    left: `${((trace.begin + offset - range.from) / length) * 100}%`,
  }));
  const selected = store.selectedSpan;
  const shape = {
    rows,
    level: (/** @type {number} */ id) => spans.depth[id] + 1,
    hasChildren: (/** @type {number} */ id) => spans.firstChild[id] !== NONE,
    isOpen: (/** @type {number} */ id) => store.query.trim() !== "" || !store.collapsed.has(id),
    select: (/** @type {number} */ id) => store.selectSpan(id),
    toggle: (/** @type {number} */ id) => store.toggle(id),
  };
  return html`<section class="panel waterfall" aria-labelledby="waterfall-title">
    <div class="panel-head">
      <h2 id="waterfall-title">Trace</h2>
      <span class="hint">${rows.length === spans.length - 1 ? `${rows.length} spans` : `${rows.length} of ${spans.length - 1} spans`}</span>
      <${Tools} store=${store} selected=${selected} now=${now} />
    </div>
    <div class="axis" aria-hidden="true">
      <span>Span</span><span class="axis-tokens">Tokens</span>
      <span class="axis-track">${marks.map(({ left, label }) => html`<span class="tick" style=${{ left }}>${label}</span>`)}</span>
    </div>
    <div class="waterfall-body">
      <div class="grid-lines" aria-hidden="true">
        <span class="span-track">${marks.map(({ left }) => html`<span style=${{ left }}></span>`)}</span>
      </div>
      ${rows.length === 0
        ? html`<p class="empty">${store.query === "" ? "Nothing has happened yet." : "No span matches."}</p>`
        : html`<${TreeList}
            name="spans"
            label="Trace"
            class="span-list"
            shape=${shape}
            selected=${selected}
            rowHeight=${ROW}
            revealKey=${`${store.reveal}/${store.selected}`}
            rowClass=${(/** @type {number} */ id) => `span kind-${spans.kind[id]} is-${spans.state[id]}`}
            content=${(/** @type {number} */ id) => content(trace, id, shape, range, now)}
          />`}
    </div>
    <${Legend} />
  </section>`;
}

function Legend() {
  return html`<ul class="legend" aria-label="Legend">
    ${LEGEND.map(([kind, what]) => html`<li class=${`kind-${kind}`}><${Icon} name=${kind} class="kind" />${what}</li>`)}
    <li><span class="taint-mark"><${Icon} name="warning" /></span>${TAINTED}</li>
    <li><span class="moment"></span>a moment</li>
  </ul>`;
}

/** @param {{store: import("../store.js").TaskStore, selected: number, now: number}} props */
function Tools({ store, selected, now }) {
  const { spans } = store.trace;
  const zoom = () => {
    const end = spans.isOpen(selected) ? now : spans.end[selected];
    store.setZoom(around(spans.start[selected], end));
  };
  return html`<div class="tools">
    <label class="search">
      <${Icon} name="search" />
      <input id="search" type="search" placeholder="Find in trace" aria-label="Find in trace" value=${store.query}
        onInput=${(/** @type {any} */ event) => store.search(event.target.value)} />
    </label>
    <button type="button" class="quiet icon-button" title="Collapse all ([)" aria-label="Collapse all" onClick=${() => store.foldAll(true)}>
      <${Icon} name="collapse" />
    </button>
    ${store.zoom === null
      ? html`<button type="button" class="quiet icon-button" title="Zoom to the selected span (z)" aria-label="Zoom to the selected span"
          disabled=${selected === NONE} onClick=${zoom}><${Icon} name="zoom" /></button>`
      : html`<button type="button" class="quiet small" onClick=${() => store.setZoom(null)}>Whole task</button>`}
  </div>`;
}

/**
 * @param {import("../model/trace.js").Trace} trace @param {number} id @param {import("../ui/tree_list.js").TreeShape} shape
 * @param {import("../model/timeline.js").Range} range @param {number} now
 */
function content(trace, id, shape, range, now) {
  const { spans } = trace;
  const kind = spans.kind[id];
  const indent = { paddingInlineStart: `${6 + Math.min(spans.depth[id], DEEPEST_INDENT) * 14}px` };
  const tokens = kind === "agent" ? agentTokens(trace, id) : spans.tokens[id];
  return html`<div class="span-row">
    <span class="span-name" style=${indent}>
      <span class=${`caret ${shape.hasChildren(id) ? (shape.isOpen(id) ? "is-open" : "") : "is-leaf"}`}>
        ${shape.hasChildren(id) && html`<${Icon} name="caret" />`}
      </span>
      <${Icon} name=${kind} class="kind" />
      <span class="span-title" title=${spans.name[id]}>${spans.name[id] || kind}</span>
      ${spans.tainted[id] && html`<span class="taint-mark" title=${TAINTED}><${Icon} name="warning" /><span class="visually-hidden">tainted</span></span>`}
      ${spans.note[id] !== "" && html`<span class="span-note">${spans.note[id]}</span>`}
    </span>
    <span class="span-tokens">${tokens > 0 ? brief(tokens) : ""}</span>
    <span class="span-track">${bar(trace, id, range, now)}</span>
  </div>`;
}

/** @param {import("../model/trace.js").Trace} trace @param {number} id */
function agentTokens(trace, id) {
  const agent = trace.agents[trace.spans.agent[id]];
  return agent.promptTokens + agent.completionTokens;
}

/** @param {import("../model/trace.js").Trace} trace @param {number} id @param {import("../model/timeline.js").Range} range @param {number} now */
function bar(trace, id, range, now) {
  const { spans } = trace;
  const open = spans.isOpen(id);
  const end = open ? now : spans.end[id];
  const placed = place(range, spans.start[id], Math.max(end, spans.start[id]));
  if (placed === null) return null;
  const instant = spans.kind[id] === "mark" || spans.kind[id] === "gate" || (!open && end - spans.start[id] < 0.5);
  const label = instant ? "" : duration((end - spans.start[id]) / 1000);
  return html`<span
      class=${instant ? "moment" : `bar ${open ? "is-open" : ""}`}
      style=${{ left: `${placed.left}%`, width: instant ? undefined : `${placed.width}%` }}
    >${spans.kind[id] === "agent" && segments(trace, id, now)}</span>
    ${label !== "" &&
    html`<span class="bar-label" style=${{ left: `${placed.left + placed.width}%` }}>${label}</span>`}`;
}

/** The turns of an agent within its bar; what lies between is waiting. @param {import("../model/trace.js").Trace} trace @param {number} id @param {number} now */
function segments(trace, id, now) {
  const { spans } = trace;
  const { turnSpans } = trace.agents[spans.agent[id]];
  const range = { from: spans.start[id], to: Math.max(spans.isOpen(id) ? now : spans.end[id], spans.start[id] + 1) };
  return turnSpans.slice(0, SEGMENTS).map((turn) => {
    const placed = place(range, spans.start[turn], spans.isOpen(turn) ? now : spans.end[turn]);
    return placed && html`<span class="segment" style=${{ left: `${placed.left}%`, width: `${placed.width}%` }}></span>`;
  });
}

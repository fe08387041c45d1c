/** The live tree of agents. */

import { brief, duration } from "../model/format.js";
import { State } from "../ui/badges.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { TreeList } from "../ui/tree_list.js";

const DEEPEST_INDENT = 12;

/** @param {{store: import("../store.js").TaskStore, now: number}} props */
export function Agents({ store, now }) {
  const { trace } = store;
  const current = trace.agents.length === 0 || store.selected === 0 ? null : trace.agentOf(store.selectedSpan);
  const agent = (/** @type {number} */ id) => trace.agents[id];
  const shape = {
    rows: store.agentRows(),
    level: (/** @type {number} */ id) => agent(id).depth + 1,
    hasChildren: (/** @type {number} */ id) => agent(id).children.length > 0,
    isOpen: (/** @type {number} */ id) => !store.collapsedAgents.has(id),
    select: (/** @type {number} */ id) => store.selectSpan(agent(id).span, { reveal: true }),
    toggle: (/** @type {number} */ id) => store.toggleAgent(id),
  };
  return html`<section class="panel agents" aria-labelledby="agents-title">
    <div class="panel-head">
      <h2 id="agents-title">Agents</h2>
      <span class="hint">${trace.agents.length}</span>
    </div>
    ${trace.agents.length === 0
      ? html`<p class="empty">No agent has been spawned yet.</p>`
      : html`<${TreeList}
          name="agents"
          label="Agents"
          class="agent-list"
          shape=${shape}
          selected=${current === null ? -1 : current.index}
          rowHeight=${46}
          revealKey=${`${store.reveal}/${current?.index}`}
          rowClass=${(/** @type {number} */ id) => `agent is-${agent(id).state}`}
          content=${(/** @type {number} */ id) => content(agent(id), shape, now)}
        />`}
  </section>`;
}

/** @param {import("../model/trace.js").AgentState} agent @param {import("../ui/tree_list.js").TreeShape} shape @param {number} now */
function content(agent, shape, now) {
  const indent = { paddingInlineStart: `${8 + Math.min(agent.depth, DEEPEST_INDENT) * 16}px` };
  const tokens = agent.promptTokens + agent.completionTokens;
  const end = Number.isNaN(agent.finished) ? now : agent.finished;
  return html`<div class="agent-row" style=${indent}>
    <span class=${`caret ${shape.hasChildren(agent.index) ? (shape.isOpen(agent.index) ? "is-open" : "") : "is-leaf"}`}>
      ${shape.hasChildren(agent.index) && html`<${Icon} name="caret" />`}
    </span>
    <span class="agent-text">
      <span class="agent-title" title=${agent.title}>${agent.title || agent.role || `agent ${agent.id.slice(0, 8)}`}</span>
      <span class="agent-meta">
        <${State} state=${agent.state} />
        ${agent.waitingOn !== "" && html`<span>on ${agent.waitingOn}</span>`}
        ${tokens > 0 && html`<span>${brief(tokens)} tok</span>`}
        ${!Number.isNaN(agent.started) && html`<span>${duration((end - agent.started) / 1000)}</span>`}
        <span title=${agent.role}>${agent.role}</span>
        ${agent.lostTurns > 0 && html`<span class="bad">${agent.lostTurns} lost</span>`}
      </span>
    </span>
  </div>`;
}

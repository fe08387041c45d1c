/** An agent: its grant, its use, what it returned. */

import { brief, count, money } from "../model/format.js";
import { html } from "../ui/html.js";
import { Json } from "../ui/text.js";

/** @param {{store: import("../store.js").TaskStore, agent: import("../model/trace.js").AgentState}} props */
export function AgentBody({ store, agent }) {
  const view = store.tree.agents.find((/** @type {any} */ each) => each.id === agent.id);
  const granted = agent.granted ?? view?.granted_tokens ?? null;
  const tokens = agent.promptTokens + agent.completionTokens;
  const facts = [
    ["Role", agent.role],
    ["Id", agent.id],
    ["Waiting on", agent.waitingOn],
    ["Turns", `${count(agent.turns)}${agent.lostTurns > 0 ? `, ${agent.lostTurns} lost` : ""}`],
    ["Tokens", `${count(tokens)}${granted === null ? "" : ` of ${brief(granted)} granted`}`],
    ["Cost", agent.cost > 0 ? money(agent.cost) : ""],
    ["Calls", `${count(agent.modelCalls)} model, ${count(agent.toolCalls)} tool${agent.refusals > 0 ? `, ${agent.refusals} refused` : ""}`],
    ["Children", agent.children.length > 0 ? count(agent.children.length) : ""],
  ];
  return html`<dl class="pairs">
      ${facts.filter(([, value]) => value !== "").map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
    ${view?.error && html`<p class="problem"><strong>${view.error.code}</strong> ${view.error.message}</p>`}
    ${view !== undefined && view.returned !== null && html`<h4>Returned through the gate</h4><${Json} value=${view.returned} name="returned.json" />`}`;
}

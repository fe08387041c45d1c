/** One span: what it was, what went in, what came out, and its events as recorded. */

import { clock, count, duration, money, text } from "../model/format.js";
import { eventPath } from "../model/links.js";
import { NONE } from "../model/spans.js";
import { State, Tainted } from "../ui/badges.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Copy, Json } from "../ui/text.js";
import { AgentBody } from "./detail_agent.js";
import { CallBody } from "./detail_call.js";
import { RecallBody } from "./detail_recall.js";

const EVENTS = 40;
const TITLES = {
  agent: "Agent",
  turn: "Turn",
  model: "Model call",
  tool: "Tool call",
  recall: "Recall",
  gate: "Gate",
  mark: "Event",
  task: "Task",
};

/** @param {{store: import("../store.js").TaskStore, now: number}} props */
export function Detail({ store, now }) {
  const span = store.selectedSpan;
  const { trace } = store;
  if (span === NONE) {
    return html`<section class="panel detail is-empty" aria-label="Detail">
      <p class="empty">${store.selected === 0 ? "Select a span to see what went in and what came out." : `Event ${store.selected} is not here.`}</p>
    </section>`;
  }
  const { spans } = trace;
  const kind = spans.kind[span];
  const events = trace.eventsOf(span, EVENTS);
  const agent = trace.agentOf(span);
  const link = agent === null ? "" : eventPath(store.id, agent.id, store.selected);
  return html`<section class="panel detail" id="detail" aria-labelledby="detail-title" tabindex="-1">
    <div class="panel-head">
      <span class=${`detail-kind kind-${kind}`}><${Icon} name=${kind} class="kind" />${TITLES[kind]}</span>
      <span class="tools">
        ${link !== "" && html`<${Copy} value=${window.location.origin + link} label="Link" icon="link" />`}
        <button type="button" class="quiet icon-button" aria-label="Close detail" title="Close (Esc)" onClick=${() => store.clearSelection()}>
          <${Icon} name="close" />
        </button>
      </span>
    </div>
    <div class="detail-body" key=${span}>
      <h3 id="detail-title">${spans.name[span] || TITLES[kind]}</h3>
      <div class="facts">
        <${State} state=${spans.state[span]} />
        ${spans.tainted[span] && html`<${Tainted} />`}
        ${spans.note[span] !== "" && html`<span class="reason">${spans.note[span]}</span>`}
      </div>
      <${Times} trace=${trace} span=${span} agent=${agent} now=${now} />
      <${Body} store=${store} span=${span} events=${events} />
      <${Events} store=${store} events=${events} />
    </div>
  </section>`;
}

/** @param {{trace: import("../model/trace.js").Trace, span: number, agent: import("../model/trace.js").AgentState|null, now: number}} props */
function Times({ trace, span, agent, now }) {
  const { spans } = trace;
  const open = spans.isOpen(span);
  const end = open ? now : spans.end[span];
  const length = end - spans.start[span];
  const facts = [
    ["Agent", spans.kind[span] === "agent" || agent === null ? "" : agent.title || agent.role],
    ["Began", `${clock(spans.start[span])} (+${duration(Math.max(0, spans.start[span] - trace.begin) / 1000)})`],
    ["Took", length < 0.5 && !open ? "" : `${duration(length / 1000)}${open ? " so far" : ""}`],
  ];
  return html`<dl class="pairs">
    ${facts.filter(([, value]) => value !== "").map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** @param {{store: import("../store.js").TaskStore, span: number, events: any[]}} props */
function Body({ store, span, events }) {
  const { spans } = store.trace;
  const last = events[events.length - 1]?.data ?? {};
  switch (spans.kind[span]) {
    case "model":
      return html`<${ModelFacts} event=${events.find((event) => event.kind === "model.finished")} />
        <${Problem} data=${last} />
        <${CallBody} store=${store} call=${spans.call[span]} state=${spans.state[span]} kind="model" />`;
    case "tool":
      return html`<${Problem} data=${last} />
        <${CallBody} store=${store} call=${spans.call[span]} state=${spans.state[span]} kind="tool" started=${events[0]?.data}
          tainted=${spans.tainted[span]} />`;
    case "recall":
      return html`<${RecallBody} events=${events} />`;
    case "agent":
      return html`<${AgentBody} store=${store} agent=${store.trace.agents[spans.agent[span]]} />`;
    case "gate":
      return html`<${Facts} data=${last} />`;
    default:
      return html`<${Problem} data=${last} />`;
  }
}

/** @param {{event: any}} props */
function ModelFacts({ event }) {
  if (event === undefined) return null;
  const { data } = event;
  const facts = [
    ["Model", `${text(data.model)}${data.offline === true ? " (offline: rules, not a language model)" : ""}`],
    ["Tokens", `${count(Number(data.prompt_tokens) || 0)} in, ${count(Number(data.completion_tokens) || 0)} out`],
    ["Cached", Number(data.cached_tokens) > 0 ? `${count(Number(data.cached_tokens))} of the prompt` : ""],
    ["Cost", Number(data.cost) > 0 ? money(Number(data.cost)) : ""],
    ["Ended by", text(data.finish_reason)],
    ["Calls", Array.isArray(data.tool_calls) ? data.tool_calls.map(text).join(", ") : ""],
  ];
  return html`<dl class="pairs">
    ${facts.filter(([, value]) => value !== "").map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** @param {{data: any}} props */
function Facts({ data }) {
  const facts = Object.entries(data).filter(([, value]) => value !== null && value !== "");
  return html`<dl class="pairs">
    ${facts.slice(0, 20).map(([name, value]) => html`<div><dt>${name}</dt><dd>${Array.isArray(value) ? value.map(text).join(", ") : text(value)}</dd></div>`)}
  </dl>`;
}

/** @param {{data: any}} props */
function Problem({ data }) {
  if (data.message === undefined) return null;
  return html`<p class="problem"><strong>${text(data.code)}</strong> ${text(data.message)}</p>`;
}

/** @param {{store: import("../store.js").TaskStore, events: any[]}} props */
function Events({ store, events }) {
  return html`<h4>Events as recorded</h4>
    <div class="raw-events">
      ${events.map(
        (event) => html`<details key=${event.seq} open=${event.seq === store.selected && events.length > 1}
          class=${event.seq === store.selected ? "is-selected" : ""}>
          <summary><code>${event.seq}</code> ${event.kind} <time>${clock(Date.parse(event.at))}</time></summary>
          <${Json} value=${event} name=${`event-${event.seq}.json`} />
        </details>`,
      )}
      ${events.length === EVENTS && html`<p class="hint">The first ${EVENTS} events.</p>`}
    </div>`;
}

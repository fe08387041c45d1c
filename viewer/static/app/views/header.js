/** What a task is, how it stands and what it has used. */

import { useState } from "../../vendor/hooks.js";
import { brief, count, duration, money, plural } from "../model/format.js";
import { outcome } from "../model/outcome.js";
import { knownTotals } from "../model/totals.js";
import { Model, State } from "../ui/badges.js";
import { HelpButton } from "../ui/help.js";
import { html } from "../ui/html.js";
import { Copy } from "../ui/text.js";

const CONNECTIONS = {
  loading: "Loading…",
  live: "Live",
  reconnecting: "Reconnecting…",
  paused: "Paused while hidden",
  ended: "",
  failed: "Not connected",
};

/** @param {{store: import("../store.js").TaskStore, now: number, status: string, help: () => void}} props */
export function Header({ store, now, status, help }) {
  const { task } = store.tree;
  const { trace } = store;
  const running = status === "running";
  const { state, label, reason } = outcome(task, trace.cancelling && running ? "cancelling" : status);
  return html`<header class="task-head">
    <div class="crumbs">
      <a href="/">Tasks</a><span aria-hidden="true">/</span><code>${task.id.slice(0, 8)}</code>
      <${Copy} value=${task.id} label="Copy id" />
      <${Connection} state=${store.connection} problem=${store.problem} />
      <${HelpButton} open=${help} />
    </div>
    <${Goal} text=${task.goal} />
    <div class="facts">
      <${State} state=${state} label=${label} />
      ${reason !== "" && html`<span class="reason">${reason}</span>`}
      <${Model} model=${task.model} />
      ${task.workspace && html`<span class="workspace" title=${task.workspace}>${task.workspace}</span>`}
      ${task.forked_from && html`<a class="badge fork" href=${`/tasks/${task.forked_from}`}>forked at event ${task.forked_at}</a>`}
      ${Object.entries(task.tags).map(([key, value]) => html`<span class="badge tag">${key}: ${String(value)}</span>`)}
      ${running && html`<${Cancel} store=${store} asked=${trace.cancelling || task.cancel_requested} />`}
    </div>
    <${Figures} store=${store} now=${now} running=${running} />
  </header>`;
}

/** @param {{text: string}} props */
function Goal({ text }) {
  const [whole, setWhole] = useState(false);
  const long = text.length > 280;
  return html`<div class="goal">
    <h1>${long && !whole ? `${text.slice(0, 270)}…` : text}</h1>
    ${long && html`<button type="button" class="link" onClick=${() => setWhole(!whole)}>${whole ? "Show less" : "Show the whole goal"}</button>`}
  </div>`;
}

/** @param {{state: keyof typeof CONNECTIONS, problem: string}} props */
function Connection({ state, problem }) {
  if (CONNECTIONS[state] === "") return html`<span class="connection" id="connection" data-state=${state}></span>`;
  return html`<span class=${`connection is-${state}`} id="connection" data-state=${state} title=${problem}>
    <span class="pulse"></span>${CONNECTIONS[state]}
  </span>`;
}

/** @param {{store: import("../store.js").TaskStore, asked: boolean}} props */
function Cancel({ store, asked }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const cancel = async () => {
    setBusy(true);
    try {
      await store.cancel();
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return html`<span class="cancel">
    <button type="button" class="danger" id="cancel" disabled=${asked || busy} onClick=${cancel}>
      ${asked ? "Cancelling…" : "Cancel task"}
    </button>
    ${problem && html`<span class="problem" role="alert">${problem}</span>`}
  </span>`;
}

/** @param {{store: import("../store.js").TaskStore, now: number, running: boolean}} props */
function Figures({ store, now, running }) {
  const { task } = store.tree;
  const sum = knownTotals(store.trace, task);
  const begin = Date.parse(task.created_at);
  const end = running ? now : store.trace.finished ? store.trace.end : Date.parse(task.finished_at ?? task.created_at);
  const { budget } = task;
  return html`<dl class="figures">
    <${Figure} name="Elapsed" value=${duration(Math.max(0, end - begin) / 1000)}
      note=${budget.seconds === null ? "" : `of ${duration(budget.seconds)}`}
      share=${budget.seconds === null ? null : (end - begin) / 1000 / budget.seconds} />
    <${Figure} name="Agents" value=${count(sum.agents)}
      note=${[sum.active > 0 ? `${sum.active} running` : "", sum.failed > 0 ? `${sum.failed} failed` : ""].filter(Boolean).join(", ")} />
    <${Figure} name="Tokens" value=${brief(sum.tokens)}
      note=${budget.tokens === null ? `${brief(sum.promptTokens)} in, ${brief(sum.completionTokens)} out` : `of ${brief(budget.tokens)}`}
      share=${budget.tokens === null ? null : sum.tokens / budget.tokens} />
    <${Figure} name="Cost" value=${money(sum.cost)}
      note=${budget.cost === null ? "" : `of ${money(budget.cost)}`}
      share=${budget.cost === null ? null : sum.cost / budget.cost} />
    <${Figure} name="Model calls" value=${count(sum.modelCalls)} note="" />
    <${Figure} name="Tool calls" value=${count(sum.toolCalls)}
      note=${[budget.tool_calls === null ? "" : `of ${count(budget.tool_calls)}`, sum.refusals > 0 ? `${plural(sum.refusals, "refusal")}` : ""].filter(Boolean).join(", ")}
      share=${budget.tool_calls === null ? null : sum.toolCalls / budget.tool_calls} />
  </dl>`;
}

/** Wraps between its parts only. @param {{text: string}} props */
function Note({ text }) {
  const parts = text.split(", ");
  return html`<span class="figure-note">${parts.map((part, at) => html`<span>${part}${at < parts.length - 1 ? "," : ""}</span> `)}</span>`;
}

/** @param {{name: string, value: string, note: string, share?: number|null}} props */
function Figure({ name, value, note, share = null }) {
  const used = share === null || !Number.isFinite(share) ? null : Math.min(1, Math.max(0, share));
  return html`<div class="figure">
    <dt>${name}</dt>
    <dd>
      <span class="figure-value">${value}</span>${note && html` <${Note} text=${note} />`}
      ${used !== null &&
      html`<span class=${`meter ${used >= 0.9 ? "is-high" : ""}`} role="img" aria-label=${`${Math.round(used * 100)} % of the budget`}>
        <span style=${{ width: `${used * 100}%` }}></span>
      </span>`}
    </dd>
  </div>`;
}

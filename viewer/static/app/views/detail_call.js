/** A call from the journal, fetched when looked at: prompt and reply, or arguments and result. */

import { useEffect, useState } from "../../vendor/hooks.js";
import { text } from "../model/format.js";
import { artifactPath } from "../model/links.js";
import { Tainted } from "../ui/badges.js";
import { html } from "../ui/html.js";
import { BigText, Json } from "../ui/text.js";

const SETTLE = 90;
const MESSAGES = 60;

/** @param {{store: import("../store.js").TaskStore, call: string, state: string, kind: string, started?: any, tainted?: boolean}} props */
export function CallBody({ store, call, state, kind, started, tainted = false }) {
  const { view, problem } = useCall(store, call, state);
  const request = view?.request ?? null;
  const outcome = view?.outcome ?? null;
  if (kind === "model") {
    return html`<${Waiting} view=${view} problem=${problem} />
      ${request !== null && html`<${Prompt} request=${request} />`}
      ${outcome !== null && html`<${Reply} outcome=${outcome} />`}`;
  }
  const inputs = request?.arguments ?? started?.arguments ?? request;
  return html`<h4>Arguments</h4>
    <${Json} value=${inputs ?? {}} name="arguments.json" />
    <${Waiting} view=${view} problem=${problem} />
    ${outcome !== null && html`<${Result} outcome=${outcome} tainted=${tainted} />`}`;
}

/** Asks for the call once the selection has settled. @param {import("../store.js").TaskStore} store @param {string} call @param {string} state */
function useCall(store, call, state) {
  const [found, setFound] = useState({ view: /** @type {any} */ (null), problem: "" });
  useEffect(() => {
    let current = true;
    setFound((before) => (before.view?.id === call ? before : { view: null, problem: "" }));
    if (call === "") return undefined;
    const timer = setTimeout(() => {
      store.call(call).then(
        (view) => current && setFound({ view, problem: "" }),
        (error) => current && setFound({ view: null, problem: String(error.message) }),
      );
    }, SETTLE);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [store, call, state]);
  return found;
}

/** @param {{view: any, problem: string}} props */
function Waiting({ view, problem }) {
  if (problem !== "") return html`<p class="problem">Could not read the call: ${problem}</p>`;
  if (view === null) return html`<p class="hint" aria-busy="true">Reading the journal…</p>`;
  if (view.finished_at === null) return html`<p class="hint">No outcome yet.</p>`;
  return null;
}

/** @param {{request: any}} props */
function Prompt({ request }) {
  const messages = Array.isArray(request.messages) ? request.messages : null;
  if (messages === null) return html`<h4>Request</h4><${Json} value=${request} name="request.json" />`;
  const { messages: _, tools, ...rest } = request;
  const names = Array.isArray(tools) ? tools.map((tool) => text(tool?.name ?? tool?.function?.name ?? tool)) : [];
  return html`<h4>Prompt (${messages.length} ${messages.length === 1 ? "message" : "messages"})</h4>
    ${messages.slice(0, MESSAGES).map((message, index) => html`<${Message} key=${index} message=${message} index=${index} />`)}
    ${messages.length > MESSAGES && html`<${BigText} value=${JSON.stringify(messages, null, 2)} limit=${0} name="prompt.json" />`}
    <details class="fold"><summary>Tools offered (${names.length})</summary>
      ${names.length > 0 && html`<p class="mono">${names.join(", ")}</p>`}<${Json} value=${tools ?? []} name="tools.json" />
    </details>
    <details class="fold"><summary>Settings</summary><${Json} value=${rest} name="settings.json" /></details>`;
}

/** @param {{message: any, index: number}} props */
function Message({ message, index }) {
  const parts = Array.isArray(message?.parts) && message.parts.length > 0 ? message.parts : null;
  const role = text(message?.role) || "message";
  return html`<article class="message">
    <header><span class="role">${role}</span>${message?.name !== undefined && html`<code>${text(message.name)}</code>`}
      ${message?.tool_call_id && html`<code class="hint">${text(message.tool_call_id)}</code>`}
      ${isTainted(message) && html`<${Tainted} />`}</header>
    ${parts === null
      ? html`<${Content} value=${message?.content} tainted=${isTainted(message)} name=${`message-${index}.txt`} />`
      : parts.map((/** @type {any} */ part, /** @type {number} */ at) => html`<${Part} key=${at} part=${part} name=${`message-${index}-${at}.txt`} />`)}
    ${Array.isArray(message?.tool_calls) && message.tool_calls.length > 0 && html`<${ToolCalls} calls=${message.tool_calls} />`}
  </article>`;
}

/** @param {{part: any, name: string}} props */
function Part({ part, name }) {
  const tainted = isTainted(part);
  const value = typeof part === "object" && part !== null ? (part.text ?? part.content ?? part) : part;
  const label = typeof part === "object" && part !== null ? text(part.label ?? part.source ?? part.origin ?? "") : "";
  return html`<div class=${tainted ? "tainted" : ""}>
    ${tainted && html`<p class="tainted-head"><${Tainted} /> ${label}</p>`}
    <${Content} value=${value} tainted=${false} name=${name} />
  </div>`;
}

/** @param {{value: unknown, tainted: boolean, name: string}} props */
function Content({ value, tainted, name }) {
  if (value === null || value === undefined || value === "") return null;
  const shown = typeof value === "string" ? html`<${BigText} value=${value} name=${name} />` : html`<${Json} value=${value} name=${name} />`;
  return tainted ? html`<div class="tainted">${shown}</div>` : shown;
}

/** @param {{calls: any[]}} props */
function ToolCalls({ calls }) {
  return html`<ul class="tool-calls">
    ${calls.slice(0, 50).map((call) => html`<li><code>${text(call?.name ?? call?.function?.name)}</code>
      <${Json} value=${call?.arguments ?? call?.function?.arguments ?? {}} limit=${400} /></li>`)}
  </ul>`;
}

/** @param {{outcome: any}} props */
function Reply({ outcome }) {
  const { content, tool_calls: calls, output, ...rest } = typeof outcome === "object" ? outcome : { content: outcome };
  return html`<h4>Reply</h4>
    <article class="message is-reply">
      <${Content} value=${content} tainted=${isTainted(outcome)} name="reply.txt" />
      ${Array.isArray(calls) && calls.length > 0 && html`<${ToolCalls} calls=${calls} />`}
      ${output !== undefined && output !== null && html`<${Json} value=${output} name="output.json" />`}
    </article>
    <details class="fold"><summary>All of the outcome</summary><${Json} value=${rest} name="outcome.json" /></details>`;
}

/** @param {{outcome: any, tainted: boolean}} props */
function Result({ outcome, tainted }) {
  const body = typeof outcome === "object" && outcome !== null ? (outcome.content ?? outcome.text ?? outcome.result) : outcome;
  const artifact = typeof outcome?.artifact === "string" ? outcome.artifact : null;
  return html`<h4>Result</h4>
    ${artifact !== null && html`<p><a href=${artifactPath(artifact)} download>Stored result</a> <code class="hint">${artifact}</code></p>`}
    <div class=${tainted ? "tainted" : ""}>
      ${tainted && html`<p class="tainted-head"><${Tainted} /></p>`}
      <${Content} value=${body ?? outcome} tainted=${false} name="result.txt" />
    </div>
    ${body !== undefined && body !== outcome && html`<details class="fold"><summary>All of the outcome</summary><${Json} value=${outcome} name="outcome.json" /></details>`}`;
}

/** @param {any} value */
function isTainted(value) {
  return value !== null && typeof value === "object" && (value.tainted === true || value.provenance?.tainted === true);
}

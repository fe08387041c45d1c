/** A call from the journal, fetched when looked at: prompt and reply, or arguments and result. */

import { useEffect, useState } from "../../vendor/hooks.js";
import { text } from "../model/format.js";
import { artifactPath } from "../model/links.js";
import { parsed, pieces } from "../model/prompt_blocks.js";
import { Tainted } from "../ui/badges.js";
import { html } from "../ui/html.js";
import { BigText, Json } from "../ui/text.js";

const SETTLE = 90;
const MESSAGES = 40;
const PIECES = 12;
const LINKS = 20;

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
  const inputs = parsed(request?.arguments ?? started?.arguments ?? request);
  return html`<h4>Arguments</h4>
    <${Content} value=${inputs ?? {}} name="arguments.json" />
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
  const content = typeof message?.content === "string" ? message.content : null;
  const found = content === null ? [] : pieces(content);
  const split = found.some((piece) => piece.name !== "");
  return html`<article class="message">
    <header><span class="role">${text(message?.role) || "message"}</span>
      ${message?.tool_call_id && html`<code class="hint">${text(message.tool_call_id)}</code>`}</header>
    ${content === null && html`<${Content} value=${message?.content} name=${`message-${index}.json`} />`}
    ${found.slice(0, PIECES).map((piece, at) => html`<${Piece} key=${at} piece=${piece} name=${`message-${index}-${at}.txt`} />`)}
    ${Array.isArray(message?.tool_calls) && message.tool_calls.length > 0 && html`<${ToolCalls} calls=${message.tool_calls} />`}
    ${split && html`<details class="fold"><summary>Exact text</summary><${BigText} value=${content} name=${`message-${index}.txt`} /></details>`}
  </article>`;
}

/** @param {{piece: import("../model/prompt_blocks.js").Piece, name: string}} props */
function Piece({ piece, name }) {
  if (piece.name === "") return html`<${BigText} value=${piece.text} name=${name} />`;
  return html`<div class=${piece.tainted ? "tainted" : "block"}>
    <p class="block-head"><code>${piece.name}</code> ${piece.tainted && html`<${Tainted} reason=${piece.trust} />`}
      <span class="hint">${piece.trust}</span></p>
    <${BigText} value=${piece.text} name=${name} />
  </div>`;
}

/** @param {{value: unknown, name: string}} props */
function Content({ value, name }) {
  if (value === null || value === undefined || value === "") return null;
  return typeof value === "string" ? html`<${BigText} value=${value} name=${name} />` : html`<${Json} value=${value} name=${name} />`;
}

/** @param {{calls: any[]}} props */
function ToolCalls({ calls }) {
  return html`<ul class="tool-calls">
    ${calls.slice(0, 50).map((call) => html`<li><code>${text(call?.name ?? call?.function?.name)}</code>
      <${Content} value=${parsed(call?.arguments ?? call?.function?.arguments ?? {})} name="arguments.json" /></li>`)}
  </ul>`;
}

/** @param {{outcome: any}} props */
function Reply({ outcome }) {
  const { content, tool_calls: calls, output, ...rest } = typeof outcome === "object" ? outcome : { content: outcome };
  return html`<h4>Reply</h4>
    <article class="message is-reply">
      <${Content} value=${typeof content === "string" ? parsed(content) : content} name="reply.txt" />
      ${Array.isArray(calls) && calls.length > 0 && html`<${ToolCalls} calls=${calls} />`}
      ${content === "" && output !== undefined && output !== null && html`<${Json} value=${output} name="output.json" />`}
    </article>
    <details class="fold"><summary>All of the outcome</summary><${Json} value=${{ ...rest, output }} name="outcome.json" /></details>`;
}

/** @param {{outcome: any, tainted: boolean}} props */
function Result({ outcome, tainted }) {
  const shaped = typeof outcome === "object" && outcome !== null;
  const body = shaped ? (outcome.content ?? outcome.text ?? outcome.result ?? outcome) : outcome;
  const origins = shaped && Array.isArray(outcome.provenance?.origins) ? outcome.provenance.origins : [];
  const from = origins.slice(0, 5).map((/** @type {any} */ origin) => `${text(origin?.kind)}: ${text(origin?.id)}`);
  const artifacts = shaped && Array.isArray(outcome.artifacts) ? outcome.artifacts : [];
  return html`<h4>Result</h4>
    ${artifacts.slice(0, LINKS).map((/** @type {unknown} */ id) => html`<p><a href=${artifactPath(text(id))} download>Stored artifact</a> <code class="hint">${text(id)}</code></p>`)}
    <div class=${tainted ? "tainted" : ""}>
      ${tainted && html`<p class="block-head"><${Tainted} /> ${from.join(", ")}${origins.length > 5 ? ", …" : ""}</p>`}
      <${Content} value=${parsed(body)} name="result.txt" />
    </div>
    ${body !== outcome && html`<details class="fold"><summary>All of the outcome</summary><${Json} value=${outcome} name="outcome.json" /></details>`}`;
}

/** What memory offered: records used in the prompt, and records held back with the reason. */

import { text } from "../model/format.js";
import { html } from "../ui/html.js";

/** @param {{events: any[]}} props */
export function RecallBody({ events }) {
  const of = (/** @type {string} */ kind) =>
    events.filter((event) => event.kind === kind).flatMap((event) => (Array.isArray(event.data.records) ? event.data.records : []));
  const used = of("recall.used");
  const held = of("recall.held_back");
  return html`<h4>Used in the prompt (${used.length})</h4>
    ${used.length === 0 && html`<p class="hint">Nothing remembered was used.</p>`}
    <ol class="records">${used.slice(0, 50).map((record) => html`<${Record} record=${record} />`)}</ol>
    ${held.length > 0 &&
    html`<h4>Held back (${held.length})</h4>
      <ol class="records is-held">${held.slice(0, 50).map((record) => html`<${Record} record=${record} />`)}</ol>`}`;
}

/** @param {{record: any}} props */
function Record({ record }) {
  const similarity = Number(record.similarity);
  return html`<li class="record">
    <span class="record-title">${text(record.title) || text(record.kind)}</span>
    <span class="record-meta">
      <span>${text(record.kind)}</span>
      <span>from ${text(record.origin)}</span>
      ${Number.isFinite(similarity) && html`<span>similarity ${similarity.toFixed(2)}</span>`}
      ${record.position !== undefined && html`<span>place ${text(record.position)}</span>`}
    </span>
    ${record.reason !== undefined && html`<span class="record-reason">${text(record.reason)}</span>`}
    <code class="record-id">${text(record.id)}</code>
  </li>`;
}

/** Prose of a model, laid out; every run is a text node. */

import { blocks } from "../model/prose.js";
import { html } from "./html.js";

/** @param {{text: string}} props */
export function Prose({ text }) {
  return html`<div class="prose">${blocks(text).map(block)}</div>`;
}

/** @param {import("../model/prose.js").Block} found */
function block(found) {
  if (found.type === "list") {
    const items = found.items.map((item) => html`<li>${item.map(run)}</li>`);
    return found.ordered ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`;
  }
  const inner = found.runs.map(run);
  if (found.type === "heading") return html`<h3>${inner}</h3>`;
  if (found.type === "code") return html`<pre class="text">${inner}</pre>`;
  if (found.type === "quote") return html`<blockquote>${inner}</blockquote>`;
  return html`<p>${inner}</p>`;
}

/** @param {import("../model/prose.js").Run} part */
function run(part) {
  if (part.style === "code") return html`<code>${part.text}</code>`;
  if (part.style === "strong") return html`<strong>${part.text}</strong>`;
  return part.text;
}

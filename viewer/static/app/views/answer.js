/** The answer, the places it rests on, and what was stored along the way. */

import { useState } from "../../vendor/hooks.js";
import { bytes, clip } from "../model/format.js";
import { artifactPath } from "../model/links.js";
import { advice } from "../model/outcome.js";
import { Tainted } from "../ui/badges.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Prose } from "../ui/prose.js";
import { BigText, Copy, Json } from "../ui/text.js";

const LONG = 6000;
const CITATIONS = 6;
const ARTIFACTS = 12;

/** @param {{answer: any}} props */
export function Answer({ answer }) {
  return html`<section class="panel answer" aria-labelledby="answer-title">
    <div class="panel-head">
      <h2 id="answer-title">Answer</h2>
      ${answer.partial && html`<span class="badge warn">partial</span>`}
      <span class="tools"><${Copy} value=${answer.text} label="Copy" /></span>
    </div>
    <div class="answer-body">
      <div class="answer-text">
        ${answer.text.length > LONG ? html`<${BigText} value=${answer.text} limit=${LONG} name="answer.txt" class="answer-long" />` : html`<${Prose} text=${answer.text} />`}
        ${answer.output !== null && html`<h3>Output</h3><${Json} value=${answer.output} name="output.json" />`}
        ${answer.notes.length > 0 && html`<h3>Notes</h3><ul class="notes">${answer.notes.slice(0, 50).map((/** @type {string} */ note) => html`<li>${String(note)}</li>`)}</ul>`}
      </div>
      ${answer.citations.length > 0 && html`<${Citations} citations=${answer.citations} />`}
    </div>
  </section>`;
}

/** @param {{task: any, status: string}} props */
export function NoAnswer({ task, status }) {
  return html`<section class="panel answer" aria-labelledby="answer-title">
    <div class="panel-head"><h2 id="answer-title">No answer</h2></div>
    <div class="no-answer">
      ${task.error !== null && html`<p class="problem" role="alert"><strong>${task.error.code}</strong> ${task.error.message}</p>`}
      <p>${advice(task, status)}</p>
    </div>
  </section>`;
}

/** @param {{citations: {file: string, line: number, page: number|null, quote: string}[]}} props */
function Citations({ citations }) {
  const [whole, setWhole] = useState(false);
  const shown = whole ? citations.slice(0, 100) : citations.slice(0, CITATIONS);
  return html`<div class="citations">
    <h3>Citations (${citations.length})</h3>
    <ol>
      ${shown.map(
        (citation) => html`<li class="citation">
          <code class="citation-place">${citation.file}:${citation.line}${citation.page ? ` (page ${citation.page})` : ""}</code>
          <blockquote>${clip(String(citation.quote), 600)}</blockquote>
        </li>`,
      )}
    </ol>
    ${citations.length > CITATIONS &&
    html`<button type="button" class="link" aria-expanded=${String(whole)} onClick=${() => setWhole(!whole)}>
      ${whole ? "Show fewer" : `Show all ${citations.length}`}
    </button>`}
  </div>`;
}

/** @param {{artifacts: any[]}} props */
export function Artifacts({ artifacts }) {
  const [whole, setWhole] = useState(false);
  const shown = whole ? artifacts.slice(0, 60) : artifacts.slice(0, ARTIFACTS);
  return html`<section class="panel artifacts" aria-labelledby="artifacts-title">
    <div class="panel-head"><h2 id="artifacts-title">Artifacts</h2><span class="hint">${artifacts.length}</span></div>
    <ul>
      ${shown.map(
        (artifact) => html`<li key=${artifact.id}>
          <${Icon} name="file" />
          <a href=${artifactPath(artifact.id)} download>${artifact.name}</a>
          <span class="hint">${artifact.media_type}</span>
          <span class="hint">${bytes(artifact.size)}</span>
          ${artifact.tainted && html`<${Tainted} />`}
        </li>`,
      )}
    </ul>
    ${artifacts.length > ARTIFACTS &&
    html`<button type="button" class="link" onClick=${() => setWhole(!whole)}>${whole ? "Show fewer" : `Show more of ${artifacts.length}`}</button>`}
  </section>`;
}

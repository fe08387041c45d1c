/** Text of any size, shown in bounded pieces. */

import { useState } from "../../vendor/hooks.js";
import { bytes } from "../model/format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

const SHOWN = 1600;
const MOST = 200_000;

/**
 * @param {{value: string, name?: string, limit?: number, class?: string}} props `name` of the downloaded file
 */
export function BigText({ value, name = "text.txt", limit = SHOWN, class: extra = "" }) {
  const [whole, setWhole] = useState(false);
  const long = value.length > limit;
  const scrolls = long || value.length > 500 || value.split("\n", 20).length === 20;
  const shown = whole ? value.slice(0, MOST) : value.slice(0, limit);
  return html`<div class="big-text">
    <pre class=${`text ${extra}`} tabindex=${scrolls ? 0 : undefined}>${shown}${long && !whole ? "…" : ""}</pre>
    ${long &&
    html`<div class="text-more">
      <button type="button" class="link" aria-expanded=${String(whole)} onClick=${() => setWhole(!whole)}>
        ${whole ? "Show less" : `Show more (${bytes(value.length)})`}
      </button>
      <button type="button" class="link" onClick=${() => save(name, value)}><${Icon} name="download" /> Download</button>
      ${whole && value.length > MOST && html`<span class="hint">The rest is in the download.</span>`}
    </div>`}
  </div>`;
}

/** @param {{value: unknown, name?: string, limit?: number}} props */
export function Json({ value, name = "value.json", limit }) {
  return html`<${BigText} class="json" value=${JSON.stringify(value, null, 2) ?? "null"} name=${name} limit=${limit} />`;
}

/** @param {string} name @param {string} value */
function save(name, value) {
  const url = URL.createObjectURL(new Blob([value], { type: "text/plain;charset=utf-8" }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** @param {{value: string, label: string, icon?: "copy"|"link"}} props */
export function Copy({ value, label, icon = "copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setDone(true);
    setTimeout(() => setDone(false), 1600);
  };
  return html`<button type="button" class="quiet small" onClick=${copy}>
    <${Icon} name=${icon} /> <span aria-live="polite">${done ? "Copied" : label}</span>
  </button>`;
}

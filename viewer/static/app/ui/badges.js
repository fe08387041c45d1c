/** States, taint and the model's nature, as words first and colour second. */

import { html } from "./html.js";
import { Icon } from "./icons.js";

/** @param {{state: string, label?: string}} props */
export function State({ state, label = state }) {
  return html`<span class=${`state state-${state}`}><span class="state-dot"></span>${label}</span>`;
}

/** @param {{reason?: string}} props */
export function Tainted({ reason = "from an outside source" }) {
  return html`<span class="badge taint" title=${`Tainted: ${reason}`}><${Icon} name="warning" /> tainted</span>`;
}

const OFFLINE = "offline model: rules, not a language model";

/** @param {{model: {name: string, provider: string, offline: boolean, base_url: string|null}, short?: boolean}} props */
export function Model({ model, short = false }) {
  if (model.offline) return html`<span class="badge offline" title=${OFFLINE}>${short ? "offline model" : OFFLINE}</span>`;
  const where = [model.provider, model.base_url].filter(Boolean).join(" · ");
  return html`<span class="model-name" title=${where}><${Icon} name="model" /> ${String(model.name)}</span>`;
}

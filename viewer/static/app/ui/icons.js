/** Small drawings, one stroke weight, in the colour of the text around them. */

import { html } from "./html.js";

const PATHS = {
  agent: "M8 2.5a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2ZM3 13.5c.4-2.7 2.3-4 5-4s4.6 1.3 5 4",
  turn: "M12.5 5.5A5 5 0 1 0 13 9M13 2.5v3.2H9.8",
  model: "M8 2l1.5 4.5L14 8l-4.5 1.5L8 14l-1.5-4.5L2 8l4.5-1.5Z",
  tool: "M10 2.6a3.4 3.4 0 0 0-3.2 4.6L2.6 11.4l2 2 4.2-4.2A3.4 3.4 0 0 0 13.4 6l-2 2-2.2-.9-.8-2.2 2-2Z",
  recall: "M3 3.5h4a1.5 1.5 0 0 1 1 .4 1.5 1.5 0 0 1 1-.4h4v9H9a1 1 0 0 0-1 .8 1 1 0 0 0-1-.8H3ZM8 4v9",
  gate: "M2.5 13.5v-8L8 2.5l5.5 3v8M5.5 13.5V8h5v5.5",
  mark: "M8 5.5 10.5 8 8 10.5 5.5 8Z",
  task: "M3 3h10v10H3Z",
  caret: "M6 4l4 4-4 4",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7v7H6ZM3 10V3h7",
  link: "M7 9a2.5 2.5 0 0 0 3.6 0l2-2A2.5 2.5 0 0 0 9 3.4l-.8.8M9 7a2.5 2.5 0 0 0-3.6 0l-2 2A2.5 2.5 0 0 0 7 12.6l.8-.8",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10",
  file: "M4 2h5l3 3v9H4ZM9 2v3h3",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6Z",
  system: "M2.5 3.5h11v7.5h-11ZM6 13.5h4M8 11v2.5",
  search: "M7 2.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4ZM10.2 10.2l3.3 3.3",
  zoom: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  collapse: "M4 6.5 8 3l4 3.5M4 9.5 8 13l4-3.5",
  warning: "M8 2.5 14 13H2ZM8 6.5v3M8 11.2v.3",
};

/** @param {{name: keyof typeof PATHS, class?: string}} props */
export function Icon({ name, class: extra = "" }) {
  return html`<svg class=${`icon ${extra}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name] ?? PATHS.mark} /></svg>`;
}

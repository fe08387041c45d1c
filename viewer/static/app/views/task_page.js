/** The page of one task. */

import { useEffect, useState } from "../../vendor/hooks.js";
import { NONE } from "../model/spans.js";
import { around } from "../model/timeline.js";
import { announce } from "../ui/announce.js";
import { Help } from "../ui/help.js";
import { html } from "../ui/html.js";
import { useKeys } from "../ui/keys.js";
import { useMedia, useNow, useStore } from "../ui/store_hook.js";
import { Agents } from "./agents.js";
import { Answer, Artifacts, NoAnswer } from "./answer.js";
import { Detail } from "./detail.js";
import { Header } from "./header.js";
import { Waterfall } from "./waterfall.js";

/** @type {[string, string][]} */
const KEYS = [
  ["j k", "next, previous span"],
  ["↑ ↓ ← →", "move, close and open in a focused tree"],
  ["/", "find in the trace"],
  ["[ ]", "collapse all, expand all"],
  ["z", "zoom to the selected span, or back"],
  ["a w d", "go to agents, trace, detail"],
  ["Esc", "close the detail"],
  ["?", "this help"],
];

/** @param {{store: import("../store.js").TaskStore}} props */
export function TaskPage({ store }) {
  useStore(store);
  const running = !store.trace.finished && store.tree?.task.status === "running";
  const now = useNow(running);
  const narrow = useMedia("(max-width: 760px)");
  const [help, setHelp] = useState(false);
  useKeys(shortcuts(store, now, setHelp));
  const status = store.trace.finished ? store.trace.status : running ? "running" : (store.tree?.task.status ?? "");
  useEffect(() => announce(`Task ${status}`), [status]);
  useEffect(() => {
    if (store.selected !== 0) document.querySelector(".bench")?.scrollIntoView({ block: "nearest" });
  }, [store.reveal]);
  useEffect(() => {
    if (store.tree !== null) document.title = `${status === "running" ? "● " : ""}${store.tree.task.goal.slice(0, 60)} · Treehold`;
  }, [status]);
  if (store.tree === null) {
    return html`<section class="panel message-panel" role="alert"><h1>This task cannot be shown</h1><p>${store.problem}</p><a href="/">All tasks</a></section>`;
  }
  const { answer } = store.tree.task;
  const open = store.selected !== 0;
  return html`<div class="task-page">
    <${Header} store=${store} now=${now} status=${status} help=${() => setHelp(true)} />
    ${store.connection === "failed" && html`<p class="problem" role="alert">The live connection failed: ${store.problem}</p>`}
    <div class="columns">
      <aside class="side"><${Agents} store=${store} now=${now} /></aside>
      <div class="content">
        ${answer !== null && html`<${Answer} answer=${answer} />`}
        ${answer === null && (status === "failed" || status === "cancelled") && html`<${NoAnswer} task=${store.tree.task} status=${status} />`}
        <div class=${`bench ${open ? "has-detail" : ""}`}>
          <${Waterfall} store=${store} now=${now} narrow=${narrow} />
          ${open && html`<${Detail} store=${store} now=${now} />`}
        </div>
        ${store.artifacts.length > 0 && html`<${Artifacts} artifacts=${store.artifacts} />`}
      </div>
    </div>
    <${Help} open=${help} close=${() => setHelp(false)} keys=${KEYS} />
  </div>`;
}

/** @param {import("../store.js").TaskStore} store @param {number} now @param {(open: boolean) => void} setHelp */
function shortcuts(store, now, setHelp) {
  const focus = (/** @type {string} */ id) => document.getElementById(id)?.focus();
  return {
    "?": () => setHelp(true),
    "/": () => focus("search"),
    j: () => step(store, 1),
    k: () => step(store, -1),
    "[": () => store.foldAll(true),
    "]": () => store.foldAll(false),
    z: () => zoom(store, now),
    a: () => focus("agents"),
    w: () => focus("spans"),
    d: () => focus("detail"),
    Escape: () => store.clearSelection(),
  };
}

/** @param {import("../store.js").TaskStore} store @param {number} by */
function step(store, by) {
  const rows = store.spanRows();
  if (rows.length === 0) return;
  const at = rows.indexOf(store.selectedSpan);
  store.selectSpan(rows[Math.max(0, Math.min(rows.length - 1, at + by))]);
}

/** @param {import("../store.js").TaskStore} store @param {number} now */
function zoom(store, now) {
  const span = store.selectedSpan;
  if (store.zoom !== null || span === NONE) store.setZoom(null);
  else {
    const { spans } = store.trace;
    store.setZoom(around(spans.start[span], spans.isOpen(span) ? now : spans.end[span]));
  }
}

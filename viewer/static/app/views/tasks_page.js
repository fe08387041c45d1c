/** The task list: found by words or status, kept fresh, of any length. */

import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { request } from "../api.js";
import { ago, brief, duration, money, plural } from "../model/format.js";
import { taskPath } from "../model/links.js";
import { outcome } from "../model/outcome.js";
import { filterTasks, mergeTasks } from "../model/task_list.js";
import { Model, State } from "../ui/badges.js";
import { Help, HelpButton } from "../ui/help.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { useKeys } from "../ui/keys.js";
import { useMedia, useNow } from "../ui/store_hook.js";
import { Copy } from "../ui/text.js";
import { VList } from "../ui/vlist.js";

const STATUSES = ["", "running", "done", "failed", "cancelled"];
const BUSY_EVERY = 1500;
const IDLE_EVERY = 5000;

/** @type {[string, string][]} */
const KEYS = [
  ["/", "find a task"],
  ["?", "this help"],
];

/** @param {{status: string}} props */
export function TasksPage({ status: chosen }) {
  const [status, setStatus] = useState(STATUSES.includes(chosen) ? chosen : "");
  const [query, setQuery] = useState("");
  const [help, setHelp] = useState(false);
  const { tasks, cursor, problem, more } = useTasks(status);
  const now = useNow(true, 1000);
  const narrow = useMedia("(max-width: 760px)");
  useKeys({ "?": () => setHelp(true), "/": () => document.getElementById("search")?.focus() });
  const shown = tasks === null ? [] : filterTasks(tasks, { status, query });
  const choose = (/** @type {MouseEvent} */ event, /** @type {string} */ next) => {
    event.preventDefault();
    history.replaceState(null, "", next === "" ? "/" : `/?status=${next}`);
    setStatus(next);
  };
  return html`<div class="tasks-page">
    <header class="tasks-head">
      <h1>Tasks</h1>
      <nav class="filters" aria-label="Status">
        ${STATUSES.map(
          (each) => html`<a href=${each === "" ? "/" : `/?status=${each}`} aria-current=${each === status ? "page" : undefined}
            onClick=${(/** @type {MouseEvent} */ event) => choose(event, each)}>${each || "all"}</a>`,
        )}
      </nav>
      <label class="search">
        <${Icon} name="search" />
        <input id="search" type="search" placeholder="Find a task" aria-label="Find a task" value=${query}
          onInput=${(/** @type {any} */ event) => setQuery(event.target.value)} />
      </label>
      <${HelpButton} open=${() => setHelp(true)} />
    </header>
    ${problem !== "" && html`<p class="problem" role="alert">${problem}</p>`}
    <${List} tasks=${shown} loaded=${tasks !== null} filtered=${status !== "" || query !== ""} now=${now} narrow=${narrow} />
    ${cursor !== null && html`<button type="button" class="quiet more" onClick=${more}>Load older tasks</button>`}
    <${Help} open=${help} close=${() => setHelp(false)} keys=${KEYS} />
  </div>`;
}

/** The tasks of one status, newest first, asked for again while the page is in view. @param {string} status */
function useTasks(status) {
  const [tasks, setTasks] = useState(/** @type {any[]|null} */ (null));
  const [cursor, setCursor] = useState(/** @type {string|null} */ (null));
  const [problem, setProblem] = useState("");
  const older = useRef(false);
  useEffect(() => {
    let current = true;
    let timer = 0;
    older.current = false;
    const refresh = async () => {
      let busy = false;
      try {
        if (!document.hidden) {
          const page = await request(`/v1/tasks?limit=100${status === "" ? "" : `&status=${status}`}`);
          if (!current) return;
          busy = page.data.some((/** @type {any} */ task) => task.status === "running");
          setTasks((known) => mergeTasks(known ?? [], page.data));
          if (!older.current) setCursor(page.next_cursor);
          setProblem("");
        }
      } catch (error) {
        if (current) setProblem(error instanceof Error ? error.message : String(error));
      }
      if (current) timer = setTimeout(refresh, busy ? BUSY_EVERY : IDLE_EVERY);
    };
    refresh();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [status]);
  const more = async () => {
    older.current = true;
    const wanted = new URLSearchParams({ limit: "100", cursor: cursor ?? "" });
    if (status !== "") wanted.set("status", status);
    const page = await request(`/v1/tasks?${wanted}`);
    setTasks((known) => mergeTasks(known ?? [], page.data));
    setCursor(page.next_cursor);
  };
  return { tasks, cursor, problem, more };
}

/** @param {{tasks: any[], loaded: boolean, filtered: boolean, now: number, narrow: boolean}} props */
function List({ tasks, loaded, filtered, now, narrow }) {
  if (!loaded) return html`<p class="empty" aria-busy="true">Loading…</p>`;
  if (tasks.length === 0) return filtered ? html`<p class="empty panel">No task matches.</p>` : html`<${FirstTask} />`;
  return html`<${VList} class="task-list panel" role="list" count=${tasks.length} rowHeight=${narrow ? 96 : 68} reveal=${-1} revealKey=${0}
    row=${(/** @type {number} */ at) => html`<${Row} key=${tasks[at].id} task=${tasks[at]} now=${now} at=${at} count=${tasks.length} />`} />`;
}

/** @param {{task: any, now: number, at: number, count: number}} props */
function Row({ task, now, at, count }) {
  const tokens = task.usage.prompt_tokens + task.usage.completion_tokens;
  const begin = Date.parse(task.created_at);
  const end = task.finished_at === null ? now : Date.parse(task.finished_at);
  const { state, label, reason } = outcome(task, task.status);
  return html`<div class="task-row" role="listitem" aria-setsize=${count} aria-posinset=${at + 1}>
    <span class="task-state" title=${reason}><${State} state=${state} label=${label} /></span>
    <a class="task-goal" href=${taskPath(task.id)}>${task.goal.slice(0, 300)}</a>
    <time datetime=${task.created_at} title=${task.created_at}>${ago(begin, now)}</time>
    <span class="task-meta">
      <${Model} model=${task.model} short />
      <span>${plural(task.agents, "agent")}</span>
      <span>${brief(tokens)} tok</span>
      ${task.usage.cost > 0 && html`<span>${money(task.usage.cost)}</span>`}
      <span>${duration(Math.max(0, end - begin) / 1000)}</span>
    </span>
  </div>`;
}

function FirstTask() {
  const run = 'treehold run "What do these documents say about retention?" --files ./docs';
  const curl = `curl -X POST ${window.location.origin}/v1/tasks \\
  -H "Authorization: Bearer $TREEHOLD_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"goal": "Summarise the changes of this month", "workspace": "/srv/docs"}'`;
  return html`<section class="panel first-task">
    <h2>No tasks yet</h2>
    <p>Give a team of agents something to read. From a terminal:</p>
    <pre class="text">${run}</pre><${Copy} value=${run} label="Copy" />
    <p>Or over HTTP:</p>
    <pre class="text">${curl}</pre><${Copy} value=${curl} label="Copy" />
  </section>`;
}

/** All that the task page shows, and the few things that may happen to it. */

import { request } from "./api.js";
import { Feed } from "./feed.js";
import { apiPath, eventPath, parsePath } from "./model/links.js";
import { foldable, visibleAgents, visibleSpans } from "./model/rows.js";
import { NONE } from "./model/spans.js";
import { Trace } from "./model/trace.js";

const CALLS_KEPT = 40;

export class TaskStore {
  /** @param {string} id @param {string} path */
  constructor(id, path) {
    this.id = id;
    this.trace = new Trace();
    this.tree = /** @type {any} */ (null);
    this.complete = false;
    this.artifacts = /** @type {any[]} */ ([]);
    this.asked = 0;
    this.connection = /** @type {import("./feed.js").Connection} */ ("loading");
    this.problem = "";
    this.selected = parsePath(path)?.seq ?? 0;
    this.collapsed = /** @type {Set<number>} */ (new Set());
    this.collapsedAgents = /** @type {Set<number>} */ (new Set());
    this.query = "";
    this.zoom = /** @type {import("./model/timeline.js").Range|null} */ (null);
    this.reveal = this.selected > 0 ? 1 : 0;
    this.shape = 0;
    this.calls = /** @type {Map<string, Promise<any>>} */ (new Map());
    this.listeners = /** @type {Set<() => void>} */ (new Set());
    this.scheduled = false;
    this.cache = { spans: "", agents: "", spanRows: /** @type {number[]} */ ([]), agentRows: /** @type {number[]} */ ([]) };
    this.feed = new Feed(id, {
      events: (events) => this.#take(events),
      reload: () => this.reload(),
      connection: (state, problem) => this.#connection(state, problem),
      last: () => this.trace.last,
      ended: () => this.trace.finished,
      finish: () => this.#finish(),
    });
  }

  /** Loads the durable state, then follows the task to its end. */
  async start() {
    try {
      await this.reload();
      await this.feed.run();
    } catch (error) {
      this.#connection("failed", error instanceof Error ? error.message : String(error));
    }
  }

  /** Forgets what was folded and reads everything again. */
  async reload() {
    const [tree, page] = await Promise.all([
      request(apiPath(this.id, "/tree")),
      request(apiPath(this.id, "/events?after=0&limit=1000")),
    ]);
    const trace = new Trace();
    if (page.data.length === 0 || page.data[0].seq > 1) trace.adopt(tree.agents);
    for (const event of page.data) trace.add(event);
    this.trace = trace;
    this.tree = tree;
    this.complete = trace.finished && tree.task.status !== "running";
    this.shape += 1;
    await this.#artifacts();
    this.notify();
  }

  /** Reads what events do not carry: the answer, returned values, artifacts. */
  async #finish() {
    if (this.complete) return;
    this.tree = await request(apiPath(this.id, "/tree"));
    await this.#artifacts();
    this.notify();
  }

  /** The answer to the latest question counts: an earlier one may come in after it and know less. */
  async #artifacts() {
    this.asked += 1;
    const asked = this.asked;
    const page = await request(apiPath(this.id, "/artifacts"));
    if (asked === this.asked) this.artifacts = page.data;
  }

  async cancel() {
    const task = await request(apiPath(this.id, "/cancel"), { method: "POST" });
    this.tree = { ...this.tree, task };
    this.notify();
  }

  /** The journal row of a call, its prompt and reply with it. @param {string} call @returns {Promise<any>} */
  call(call) {
    const known = this.calls.get(call);
    if (known !== undefined) return known;
    const asked = request(apiPath(this.id, `/calls/${encodeURIComponent(call)}`)).then((view) => {
      if (view.finished_at === null) this.calls.delete(call);
      return view;
    });
    asked.catch(() => this.calls.delete(call));
    this.calls.set(call, asked);
    if (this.calls.size > CALLS_KEPT) this.calls.delete(this.calls.keys().next().value);
    return asked;
  }

  get selectedSpan() {
    return this.selected === 0 ? NONE : this.trace.spanAt(this.selected);
  }

  /** @param {number} span @param {{reveal?: boolean}} [options] reveal scrolls it into view everywhere */
  selectSpan(span, { reveal = false } = {}) {
    this.select(this.trace.spans.seq[span], { reveal });
  }

  /** @param {number} seq @param {{reveal?: boolean}} [options] */
  select(seq, { reveal = false } = {}) {
    const opened = this.selected === 0;
    this.selected = seq;
    if (reveal) this.#unfold(this.trace.spanAt(seq));
    this.#address(opened);
    this.notify();
  }

  clearSelection() {
    this.selected = 0;
    history.replaceState(null, "", `/tasks/${encodeURIComponent(this.id)}`);
    this.notify();
  }

  /** Takes the selection from the address, as after the Back button. */
  readAddress() {
    this.selected = parsePath(window.location.pathname)?.seq ?? 0;
    if (this.selected > 0) this.#unfold(this.trace.spanAt(this.selected));
    this.notify();
  }

  /** @param {boolean} push */
  #address(push) {
    const agent = this.trace.agentOf(this.trace.spanAt(this.selected));
    if (agent === null) return;
    const path = eventPath(this.id, agent.id, this.selected);
    if (push) history.pushState(null, "", path);
    else history.replaceState(null, "", path);
  }

  /** @param {number} span */
  #unfold(span) {
    const { parent } = this.trace.spans;
    for (let up = span < 0 ? NONE : parent[span]; up !== NONE; up = parent[up]) this.collapsed.delete(up);
    this.reveal += 1;
    this.shape += 1;
  }

  /** @param {number} span */
  toggle(span) {
    if (!this.collapsed.delete(span)) this.collapsed.add(span);
    this.shape += 1;
    this.notify();
  }

  /** @param {number} agent */
  toggleAgent(agent) {
    if (!this.collapsedAgents.delete(agent)) this.collapsedAgents.add(agent);
    this.shape += 1;
    this.notify();
  }

  /** @param {boolean} collapsed */
  foldAll(collapsed) {
    this.collapsed = collapsed ? foldable(this.trace) : new Set();
    this.shape += 1;
    this.notify();
  }

  /** @param {string} query */
  search(query) {
    this.query = query;
    this.shape += 1;
    this.notify();
  }

  /** @param {import("./model/timeline.js").Range|null} range */
  setZoom(range) {
    this.zoom = range;
    this.notify();
  }

  spanRows() {
    const key = `${this.trace.version}/${this.shape}`;
    if (this.cache.spans !== key) {
      this.cache.spans = key;
      this.cache.spanRows = visibleSpans(this.trace, this);
    }
    return this.cache.spanRows;
  }

  agentRows() {
    const key = `${this.trace.agents.length}/${this.shape}`;
    if (this.cache.agents !== key) {
      this.cache.agents = key;
      this.cache.agentRows = visibleAgents(this.trace, this.collapsedAgents);
    }
    return this.cache.agentRows;
  }

  /** @param {() => void} listener @returns {() => void} stops listening */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the views, at most once a frame. */
  notify() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      for (const listener of this.listeners) listener();
    });
  }

  /** @param {any[]} events */
  #take(events) {
    let stored = false;
    for (const event of events) {
      if (this.trace.add(event)) stored ||= event.kind === "artifact.stored";
    }
    if (stored) this.#artifacts().then(() => this.notify(), () => undefined);
    this.notify();
  }

  /** @param {import("./feed.js").Connection} state @param {string} problem */
  #connection(state, problem) {
    this.connection = state;
    this.problem = problem;
    this.notify();
  }
}

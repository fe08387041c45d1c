/** The picture of a task, folded from its events: the same events give the same picture, live or loaded. */

import { FOLDS, mark } from "./folds.js";
import { text } from "./format.js";
import { NONE, ROOT, Spans } from "./spans.js";

/** @typedef {{seq: number, at: string, kind: string, task: string, agent: string|null, data: Record<string, any>}} TraceEvent */
/**
 * @typedef {{index: number, id: string, span: number, turn: number, parent: number, children: number[],
 *   role: string, title: string, depth: number, state: string, waitingOn: string, turns: number,
 *   lostTurns: number, promptTokens: number, completionTokens: number, cost: number, modelCalls: number,
 *   toolCalls: number, refusals: number, granted: number|null, started: number, finished: number,
 *   turnSpans: number[], pending: Set<number>}} AgentState
 */

export class Trace {
  constructor() {
    this.spans = new Spans();
    this.agents = /** @type {AgentState[]} */ ([]);
    this.events = /** @type {TraceEvent[]} */ ([]);
    this.spanOf = /** @type {number[]} span of each event */ ([]);
    this.byAgentId = /** @type {Map<string, number>} */ (new Map());
    this.byCall = /** @type {Map<string, number>} */ (new Map());
    this.first = 0;
    this.last = 0;
    this.begin = NaN;
    this.end = NaN;
    this.latest = NaN;
    this.cancelling = false;
    this.status = "running";
    this.stopReason = "";
    this.version = 0;
    this.spans.open({ kind: "task", name: "task", agent: NONE, parent: NONE, start: NaN, seq: 0 });
  }

  get finished() {
    return !Number.isNaN(this.end);
  }

  /** Events already seen are ignored. @param {TraceEvent} event @returns {boolean} whether it was new */
  add(event) {
    if (event.seq <= this.last) return false;
    const at = Date.parse(event.at);
    if (this.first === 0) {
      this.first = event.seq;
      this.begin = at;
      this.spans.start[ROOT] = at;
    }
    this.last = event.seq;
    this.latest = Number.isNaN(this.latest) ? at : Math.max(this.latest, at);
    const parent = event.kind === "agent.spawned" && typeof event.data.parent === "string" ? event.data.parent : null;
    const agent = event.agent === null ? null : this.#agent(event.agent, at, event.seq, parent);
    const fold = FOLDS[event.kind];
    const span = fold === undefined ? mark(this, event, at, agent, event.kind, "done") : fold(this, event, at, agent);
    this.events.push(event);
    this.spanOf.push(span);
    this.version += 1;
    return true;
  }

  /** @param {number} seq @returns {number} the span an event belongs to, or NONE */
  spanAt(seq) {
    const position = this.positionOf(seq);
    return position < 0 ? NONE : this.spanOf[position];
  }

  /** @param {number} seq @returns {number} where the event stands in `events`, or -1 */
  positionOf(seq) {
    let low = 0;
    let high = this.events.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.events[middle].seq;
      if (found === seq) return middle;
      if (found < seq) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** @param {number} span @param {number} limit @returns {TraceEvent[]} at most `limit`, oldest first */
  eventsOf(span, limit) {
    const found = [];
    for (let position = 0; position < this.events.length && found.length < limit; position += 1) {
      if (this.spanOf[position] === span) found.push(this.events[position]);
    }
    return found;
  }

  /** The agent that a span is shown under. @param {number} span @returns {AgentState|null} */
  agentOf(span) {
    const index = this.spans.agent[span];
    return index === NONE || index === undefined ? (this.agents[0] ?? null) : this.agents[index];
  }

  /**
   * Makes the agents known that events no longer tell of; call it before adding events.
   * @param {{id: string, parent: string|null, role: string, title: string, status: string,
   *   created_at: string, finished_at: string|null}[]} views
   */
  adopt(views) {
    for (const view of views) {
      const agent = this.#agent(view.id, Date.parse(view.created_at), 0, view.parent);
      agent.role = text(view.role);
      agent.title = text(view.title);
      agent.state = view.status;
      this.spans.name[agent.span] = agent.title || agent.role || "agent";
      if (view.finished_at !== null) {
        agent.finished = Date.parse(view.finished_at);
        this.spans.close(agent.span, view.status, agent.finished);
      }
    }
    this.version += 1;
  }

  /** @param {string} id @param {number} at @param {number} seq @param {string|null} [parent] @returns {AgentState} */
  #agent(id, at, seq, parent = null) {
    const known = this.byAgentId.get(id);
    if (known !== undefined) return this.agents[known];
    const above = parent === null ? NONE : this.#agent(parent, at, seq).index;
    const index = this.agents.length;
    const span = this.spans.open({
      kind: "agent",
      name: "",
      agent: index,
      parent: above === NONE ? ROOT : this.agents[above].span,
      start: at,
      seq,
    });
    const agent = newAgent(index, id, span, above, above === NONE ? 0 : this.agents[above].depth + 1);
    this.agents.push(agent);
    this.byAgentId.set(id, index);
    if (above !== NONE) this.agents[above].children.push(index);
    return agent;
  }
}

/** @returns {AgentState} @param {number} index @param {string} id @param {number} span @param {number} parent  @param {number} depth */
function newAgent(index, id, span, parent, depth) {
  return {
    index, id, span, parent, depth,
    turn: NONE, children: [], role: "", title: "", state: "ready", waitingOn: "", turns: 0, lostTurns: 0,
    promptTokens: 0, completionTokens: 0, cost: 0, modelCalls: 0, toolCalls: 0, refusals: 0, granted: null,
    started: NaN, finished: NaN, turnSpans: [], pending: new Set(),
  };
}

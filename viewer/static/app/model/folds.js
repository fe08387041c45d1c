/** What each kind of event does to the picture; every fold gives the span that the event belongs to. */

import { text } from "./format.js";
import { NONE, ROOT } from "./spans.js";

/** @typedef {import("./trace.js").Trace} Trace */
/** @typedef {import("./trace.js").TraceEvent} TraceEvent */
/** @typedef {import("./trace.js").AgentState} AgentState */

/** @param {Trace} trace @param {AgentState|null} agent */
function home(trace, agent) {
  if (agent === null) return ROOT;
  return agent.turn === NONE ? agent.span : agent.turn;
}

/**
 * @param {Trace} trace @param {TraceEvent} event @param {number} at @param {AgentState|null} agent
 * @param {string} name @param {import("./spans.js").SpanState} state @param {import("./spans.js").SpanKind} [kind]
 */
export function mark(trace, event, at, agent, name, state, kind = "mark") {
  return trace.spans.open({
    kind, name, agent: agent === null ? NONE : agent.index, parent: home(trace, agent),
    start: at, end: at, seq: event.seq, state, call: text(event.data.call),
  });
}

/**
 * @param {Trace} trace @param {TraceEvent} event @param {number} at @param {AgentState|null} agent
 * @param {import("./spans.js").SpanKind} kind
 */
function callSpan(trace, event, at, agent, kind) {
  const call = text(event.data.call);
  const known = trace.byCall.get(call);
  if (known !== undefined) return known;
  const span = trace.spans.open({
    kind, name: text(event.data.name) || kind, agent: agent === null ? NONE : agent.index,
    parent: home(trace, agent), start: at, seq: event.seq, call,
  });
  if (call !== "") trace.byCall.set(call, span);
  agent?.pending.add(span);
  return span;
}

/**
 * @param {Trace} trace @param {TraceEvent} event @param {number} at @param {AgentState|null} agent
 * @param {import("./spans.js").SpanKind} kind @param {import("./spans.js").SpanState} state
 */
function endCall(trace, event, at, agent, kind, state) {
  const span = callSpan(trace, event, at, agent, kind);
  trace.spans.close(span, state, at, Number(event.data.seconds) || undefined);
  agent?.pending.delete(span);
  if (state !== "done") trace.spans.note[span] = text(event.data.code);
  return span;
}

/** @param {Trace} trace @param {AgentState} agent @param {number} at @param {import("./spans.js").SpanState} state */
function endTurn(trace, agent, at, state) {
  if (agent.turn !== NONE && trace.spans.isOpen(agent.turn)) trace.spans.close(agent.turn, state, at);
  agent.turn = NONE;
}

/** @param {Trace} trace @param {AgentState} agent @param {number} at @param {import("./spans.js").SpanState} state */
function endPending(trace, agent, at, state) {
  for (const span of agent.pending) trace.spans.close(span, state, at);
  agent.pending.clear();
}

/** @param {Trace} trace @param {AgentState} agent @param {number} at @param {import("./spans.js").SpanState} state */
function endAgent(trace, agent, at, state) {
  endPending(trace, agent, at, state === "done" ? "lost" : state);
  endTurn(trace, agent, at, state);
  agent.state = state;
  agent.waitingOn = "";
  agent.finished = at;
  trace.spans.close(agent.span, state, at);
}

/** @param {any} value */
const amount = (value) => (Number.isFinite(value) ? Number(value) : 0);

/** @typedef {(trace: Trace, event: TraceEvent, at: number, agent: AgentState|null) => number} Fold */

/** @param {(trace: Trace, event: TraceEvent, at: number, agent: AgentState) => number} fold @returns {Fold} */
const ofAgent = (fold) => (trace, event, at, agent) =>
  agent === null ? mark(trace, event, at, agent, event.kind, "done") : fold(trace, event, at, agent);

/** @param {string} kind @param {import("./spans.js").SpanState} state @returns {Fold} */
const marked = (kind, state) => (trace, event, at, agent) => {
  const span = mark(trace, event, at, agent, kind, state);
  trace.spans.note[span] = text(event.data.message ?? event.data.limit ?? event.data.name ?? "");
  return span;
};

/** @param {import("./spans.js").SpanState} state @returns {Fold} */
const gate = (state) => (trace, event, at, agent) => {
  const span = mark(trace, event, at, agent, state === "done" ? "gate accepted" : "gate refused", state, "gate");
  trace.spans.note[span] = state === "done" ? "" : text(event.data.code);
  return span;
};

/**
 * @param {(data: Record<string, unknown>) => string} said @param {import("./spans.js").SpanState} [state]
 * @returns {Fold}
 */
const message = (said, state = "done") => (trace, event, at, agent) => {
  const name = `message ${text(event.data.number)} ${text(event.kind).split(".")[1] ?? ""}`;
  const span = mark(trace, event, at, agent, name, state);
  trace.spans.note[span] = said(event.data);
  return span;
};

/** @param {"used"|"held back"} verdict @returns {Fold} */
const recall = (verdict) => (trace, event, at, agent) => {
  const records = Array.isArray(event.data.records) ? event.data.records : [];
  const span = endCall(trace, event, at, agent, "recall", "done");
  trace.spans.kind[span] = "recall";
  const part = `${records.length} ${verdict}`;
  trace.spans.name[span] = "recall";
  trace.spans.note[span] = trace.spans.note[span] === "" ? part : `${trace.spans.note[span]}, ${part}`;
  if (verdict === "held back" && records.length > 0) trace.spans.tainted[span] = true;
  return span;
};

/** @type {Record<string, Fold>} */
export const FOLDS = Object.assign(Object.create(null), {
  "task.submitted": marked("submitted", "done"),
  "task.cancelling": (trace, event, at, agent) => {
    trace.cancelling = true;
    return mark(trace, event, at, agent, "cancelling", "cancelled");
  },
  "task.paused": marked("paused", "done"),
  "task.resumed": marked("resumed", "done"),
  "task.finished": (trace, event, at, agent) => {
    trace.end = at;
    trace.status = text(event.data.status) || "done";
    trace.stopReason = text(event.data.stop_reason);
    for (const each of trace.agents) {
      if (Number.isNaN(each.finished)) endAgent(trace, each, at, "lost");
    }
    trace.spans.close(ROOT, trace.status === "done" ? "done" : "failed", at);
    const state = trace.status === "done" || trace.status === "cancelled" ? trace.status : "failed";
    return mark(trace, event, at, agent, `finished: ${trace.status}`, state);
  },
  "agent.spawned": ofAgent((trace, event, _at, agent) => {
    agent.role = text(event.data.role);
    agent.title = text(event.data.title);
    agent.granted = Number.isFinite(event.data.granted_tokens) ? event.data.granted_tokens : null;
    trace.spans.name[agent.span] = agent.title || agent.role || "agent";
    return agent.span;
  }),
  "agent.started": ofAgent((trace, event, at, agent) => {
    endPending(trace, agent, at, "lost");
    endTurn(trace, agent, at, "lost");
    agent.state = "running";
    agent.waitingOn = "";
    agent.turns += 1;
    if (Number.isNaN(agent.started)) agent.started = at;
    const label = event.data.turn === undefined ? agent.turns : text(event.data.turn);
    agent.turn = trace.spans.open({
      kind: "turn", name: `turn ${label}`, agent: agent.index, parent: agent.span, start: at, seq: event.seq,
    });
    agent.turnSpans.push(agent.turn);
    return agent.turn;
  }),
  "agent.waiting": ofAgent((trace, event, at, agent) => {
    const span = home(trace, agent);
    endTurn(trace, agent, at, "done");
    agent.state = "waiting";
    agent.waitingOn = waitingFor(event.data);
    return span;
  }),
  "agent.paused": ofAgent((trace, event, at, agent) => {
    const span = home(trace, agent);
    endTurn(trace, agent, at, "done");
    agent.state = "ready";
    return span;
  }),
  "agent.resumed": ofAgent((trace, event, at, agent) => {
    agent.state = "ready";
    agent.waitingOn = "";
    return agent.span;
  }),
  "agent.finished": ofAgent((trace, event, at, agent) => {
    endAgent(trace, agent, at, "done");
    return agent.span;
  }),
  "agent.failed": ofAgent((trace, event, at, agent) => {
    endAgent(trace, agent, at, "failed");
    trace.spans.note[agent.span] = text(event.data.code);
    return agent.span;
  }),
  "agent.cancelled": ofAgent((trace, event, at, agent) => {
    endAgent(trace, agent, at, "cancelled");
    return agent.span;
  }),
  "agent.reclaimed": ofAgent((trace, event, at, agent) => {
    endPending(trace, agent, at, "lost");
    endTurn(trace, agent, at, "lost");
    agent.state = "ready";
    agent.lostTurns += 1;
    return mark(trace, event, at, agent, "reclaimed after a lost lease", "lost");
  }),
  "model.started": (trace, event, at, agent) => reopen(trace, callSpan(trace, event, at, agent, "model"), agent),
  "model.retried": (trace, event, at, agent) => {
    const span = callSpan(trace, event, at, agent, "model");
    trace.spans.note[span] = `retried: ${text(event.data.code)}`;
    return span;
  },
  "model.finished": (trace, event, at, agent) => {
    const span = endCall(trace, event, at, agent, "model", "done");
    const prompt = amount(event.data.prompt_tokens);
    const completion = amount(event.data.completion_tokens);
    trace.spans.tokens[span] = prompt + completion;
    if (agent !== null) {
      agent.promptTokens += prompt;
      agent.completionTokens += completion;
      agent.cost += amount(event.data.cost);
      agent.modelCalls += 1;
    }
    return span;
  },
  "model.failed": (trace, event, at, agent) => {
    if (agent !== null) agent.modelCalls += 1;
    return endCall(trace, event, at, agent, "model", "failed");
  },
  "tool.started": (trace, event, at, agent) => reopen(trace, callSpan(trace, event, at, agent, "tool"), agent),
  "tool.finished": (trace, event, at, agent) => {
    const span = endCall(trace, event, at, agent, "tool", "done");
    trace.spans.tainted[span] = event.data.tainted === true;
    if (agent !== null) agent.toolCalls += 1;
    return span;
  },
  "tool.failed": (trace, event, at, agent) => {
    if (agent !== null) agent.toolCalls += 1;
    return endCall(trace, event, at, agent, "tool", "failed");
  },
  "tool.refused": (trace, event, at, agent) => {
    if (agent !== null) agent.refusals += 1;
    return endCall(trace, event, at, agent, "tool", "refused");
  },
  "approval.requested": marked("approval awaited", "done"),
  "approval.decided": (trace, event, at, agent) => {
    const approved = event.data.decision === "approve";
    const span = mark(trace, event, at, agent, approved ? "approved" : "denied", approved ? "done" : "refused");
    trace.spans.note[span] = text(event.data.name);
    return span;
  },
  "gate.accepted": gate("done"),
  "gate.refused": gate("refused"),
  "recall.started": (trace, event, at, agent) =>
    reopen(trace, callSpan(trace, event, at, agent, "recall"), agent),
  "recall.used": recall("used"),
  "recall.held_back": recall("held back"),
  "tree.revised": (trace, event, at, agent) => {
    const span = mark(trace, event, at, agent, "plan revised", "done");
    const changes = Array.isArray(event.data.changes) ? event.data.changes.length : 0;
    trace.spans.note[span] = `revision ${text(event.data.revision)}, ${changes} changes`;
    return span;
  },
  "message.received": message((data) => text(data.text)),
  "message.applied": message((data) => `revision ${text(data.revision)}`),
  "message.answered": message((data) => text(data.reply)),
  "message.refused": message((data) => text(data.message), "failed"),
  "artifact.stored": (trace, event, at, agent) => {
    const span = marked("artifact stored", "done")(trace, event, at, agent);
    trace.spans.tainted[span] = event.data.tainted === true;
    return span;
  },
  "memory.learned": marked("memory learned", "done"),
  "memory.condensed": marked("memory condensed", "done"),
  "memory.refined": marked("memory refined", "done"),
  "memory.failed": marked("memory failed", "failed"),
});

/** A call made again after a lost turn is one span, open again. @param {Trace} trace @param {number} span @param {AgentState|null} agent */
function reopen(trace, span, agent) {
  if (trace.spans.state[span] === "lost") {
    trace.spans.state[span] = "pending";
    trace.spans.end[span] = NaN;
    agent?.pending.add(span);
  }
  return span;
}

/** @param {Record<string, any>} data */
function waitingFor(data) {
  const on = text(data.on);
  const children = Array.isArray(data.children) ? data.children.length : amount(data.children);
  return children > 0 ? `${children} ${children === 1 ? "child" : "children"}` : on;
}

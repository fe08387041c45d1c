/** Sums over a task's agents. */

/** @typedef {{tokens: number, promptTokens: number, completionTokens: number, cost: number, modelCalls: number, toolCalls: number, refusals: number, agents: number, active: number, failed: number}} Totals */

/** @param {import("./trace.js").Trace} trace @returns {Totals} */
export function totals(trace) {
  const sum = {
    tokens: 0, promptTokens: 0, completionTokens: 0, cost: 0, modelCalls: 0, toolCalls: 0, refusals: 0,
    agents: trace.agents.length, active: 0, failed: 0,
  };
  for (const agent of trace.agents) {
    sum.promptTokens += agent.promptTokens;
    sum.completionTokens += agent.completionTokens;
    sum.cost += agent.cost;
    sum.modelCalls += agent.modelCalls;
    sum.toolCalls += agent.toolCalls;
    sum.refusals += agent.refusals;
    if (agent.state === "running") sum.active += 1;
    if (agent.state === "failed") sum.failed += 1;
  }
  sum.tokens = sum.promptTokens + sum.completionTokens;
  return sum;
}

/**
 * What the journal says, where events no longer reach back to the start.
 * @param {import("./trace.js").Trace} trace @param {any} task a TaskView @returns {Totals}
 */
export function knownTotals(trace, task) {
  const folded = totals(trace);
  if (trace.first <= 1 && trace.last >= task.last_event) return folded;
  const { usage } = task;
  return {
    ...folded,
    tokens: Math.max(folded.tokens, usage.prompt_tokens + usage.completion_tokens),
    promptTokens: Math.max(folded.promptTokens, usage.prompt_tokens),
    completionTokens: Math.max(folded.completionTokens, usage.completion_tokens),
    cost: Math.max(folded.cost, usage.cost),
    modelCalls: Math.max(folded.modelCalls, usage.model_calls),
    toolCalls: Math.max(folded.toolCalls, usage.tool_calls),
    agents: Math.max(folded.agents, task.agents),
  };
}

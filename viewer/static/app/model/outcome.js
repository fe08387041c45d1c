/** How a task stands or ended, in words, and what to do where it did not end well. Pure. */

/** @type {Record<string, string>} */
const LIMITS = {
  tokens: "token budget used up",
  cost: "money budget used up",
  tool_calls: "tool-call budget used up",
  depth: "depth limit reached",
  fanout: "fan-out limit reached",
  deadline: "out of time",
  turns: "turn limit reached",
  model_calls: "model-call limit reached",
  loop: "an agent went round in circles",
};

/** @type {Record<string, string>} */
const ADVICE = {
  model_unavailable: "Ask for the model node's health with “treehold doctor”, then submit the task again.",
  model_timeout: "The model took too long. See how busy its node is, then submit the task again.",
  model_rate_limited: "Submit the task again later, or raise the provider's limit.",
  model_rejected: "The model node refuses such requests. Check the model's name and its limits of length.",
  model_refused: "The model declined to answer. Put the goal in other words, or use another model.",
  model_output_invalid: "The model does not keep to the schema. Simplify it, or use a stronger model.",
  output_not_found: "What was read does not hold what the output schema asks for. Give it other files, or ask for less.",
};

/**
 * @param {{answer: any, stop_reason: string|null}} task @param {string} status
 * @returns {{state: string, label: string, reason: string}} `reason` is empty where there is nothing to add
 */
export function outcome(task, status) {
  if (status === "done" && task.answer?.partial === true) {
    return { state: "partial", label: "done, partial", reason: LIMITS[task.answer.limit] ?? "see the notes" };
  }
  return { state: status, label: status, reason: status === "failed" ? (LIMITS[task.stop_reason ?? ""] ?? "") : "" };
}

/** What a person can do about a task without an answer. @param {{error: {code: string}|null, stop_reason: string|null}} task @param {string} status */
export function advice(task, status) {
  if (status === "cancelled") return "What its agents had found by then is in the trace.";
  if (LIMITS[task.stop_reason ?? ""] !== undefined) return "Submit it again with a larger limit, or ask for less at once.";
  return ADVICE[task.error?.code ?? ""] ?? "The trace shows what failed. Submit the task again once that is mended.";
}

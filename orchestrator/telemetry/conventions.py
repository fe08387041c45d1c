"""The names under which spans are told, in one place.

`gen_ai.*` and `error.type` are those of opentelemetry-semantic-conventions 0.66b2, where they have the status
"development"; the names beside them are OpenInference's, 0.1.42. What neither has a name for is `treehold.*`.
"""

from __future__ import annotations

from typing import Literal

SCOPE = "treehold"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# OpenTelemetry

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
WORKFLOW_NAME = "gen_ai.workflow.name"
CONVERSATION_ID = "gen_ai.conversation.id"
AGENT_ID = "gen_ai.agent.id"
AGENT_NAME = "gen_ai.agent.name"
AGENT_DESCRIPTION = "gen_ai.agent.description"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
RETRIEVAL_QUERY = "gen_ai.retrieval.query.text"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"
ERROR_TYPE = "error.type"

Operation = Literal["invoke_workflow", "invoke_agent", "chat", "execute_tool", "retrieval"]

# OpenInference

OI_KIND = "openinference.span.kind"
OI_MODEL = "llm.model_name"
OI_PROVIDER = "llm.provider"
OI_PROMPT_TOKENS = "llm.token_count.prompt"
OI_COMPLETION_TOKENS = "llm.token_count.completion"
OI_TOTAL_TOKENS = "llm.token_count.total"
OI_CACHE_READ = "llm.token_count.prompt_details.cache_read"
OI_COST = "llm.cost.total"
OI_AGENT = "agent.name"
OI_GRAPH_NODE = "graph.node.id"
OI_GRAPH_PARENT = "graph.node.parent_id"
OI_GRAPH_NAME = "graph.node.name"
OI_TOOL = "tool.name"
OI_SESSION = "session.id"
OI_DOCUMENTS = "retrieval.documents"
OI_DOCUMENT_ID = "document.id"
OI_DOCUMENT_SCORE = "document.score"
OI_INPUT = "input.value"

Kind = Literal["CHAIN", "AGENT", "LLM", "TOOL", "RETRIEVER", "GUARDRAIL"]

# Our own

TENANT = "treehold.tenant.id"
TASK = "treehold.task.id"
TASK_STATUS = "treehold.task.status"
STOP_REASON = "treehold.task.stop_reason"
FORKED_FROM = "treehold.task.forked_from"
NODE = "treehold.node.id"
ROLE = "treehold.agent.role"
DEPTH = "treehold.agent.depth"
AGENT_STATE = "treehold.agent.state"
PARTIAL = "treehold.agent.partial"
QUEUE_SECONDS = "treehold.agent.queue_seconds"
TURNS = "treehold.agent.turns"
TURN = "treehold.turn.number"
TURN_END = "treehold.turn.end"
WAITS_FOR = "treehold.turn.waits_for"
FENCE = "treehold.fence"
WORKER = "treehold.worker"
POSITION = "treehold.call.position"
ATTEMPTS = "treehold.call.attempts"
PURPOSE = "treehold.call.purpose"
REPLAYED = "treehold.call.replayed"
ESTIMATED = "treehold.usage.estimated"
GRANTED_TOKENS = "treehold.budget.granted_tokens"
RESERVED_TOKENS = "treehold.budget.reserved_tokens"
SETTLED_TOKENS = "treehold.budget.settled_tokens"
SETTLED_COST = "treehold.budget.settled_cost_micros"
LIMIT = "treehold.budget.limit"
OFFLINE = "treehold.model.offline"
TAINTED = "treehold.tainted"
DECISION = "treehold.capability.decision"
RULE = "treehold.capability.rule"
EDITED = "treehold.approval.edited"
EXPIRED = "treehold.approval.expired"
RECORDS = "treehold.memory.records"
DEGRADED = "treehold.memory.degraded"
EVENT = "treehold.event.seq"
GOAL = "treehold.task.goal"
TITLE = "treehold.agent.title"
MESSAGE = "treehold.message"


_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider(ours: str | None) -> str | None:
    """`gen_ai.provider.name` of a provider as the model's description names it."""
    return None if ours is None else _PROVIDERS.get(ours, ours)

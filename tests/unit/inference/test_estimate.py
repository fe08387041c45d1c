from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference import Message, ModelRequest, ToolDefinition
from inference.estimate import prompt_tokens, text_tokens


def request(content: str) -> ModelRequest:
    return ModelRequest(kind="act", messages=(Message(role="user", content=content),), max_tokens=100)


def test_prose_is_overestimated_at_most_threefold() -> None:
    sentence = "The quick brown fox jumps over the lazy dog. "
    assert 10 <= text_tokens(sentence) <= 30


@given(text=st.text(max_size=200))
def test_no_text_counts_more_than_its_bytes_or_less_than_a_quarter(text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    assert size // 4 <= text_tokens(text) <= size


@given(first=st.text(max_size=80), second=st.text(max_size=80))
def test_a_longer_prompt_is_never_estimated_lower(first: str, second: str) -> None:
    assert prompt_tokens(request(f"{first}\n{second}")) >= prompt_tokens(request(first))


def test_tools_and_schema_are_counted() -> None:
    plain = request("hello")
    tool = ToolDefinition(name="search", description="x" * 90, parameters={"type": "object"})
    assert prompt_tokens(plain.model_copy(update={"tools": (tool,)})) > prompt_tokens(plain) + 90
    assert prompt_tokens(plain.model_copy(update={"output_schema": {"type": "object"}})) > prompt_tokens(
        plain
    )

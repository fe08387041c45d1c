from __future__ import annotations

from uuid import UUID

import pytest

from core.tracing import TraceContext, context_of, here, inside, parse, trace_of, within

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TASK = UUID(int=5)


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False), ("03", True)])
def test_a_header_names_trace_span_and_whether_it_is_recorded(flags: str, sampled: bool) -> None:
    assert parse(f" 00-{TRACE}-{SPAN}-{flags} ") == TraceContext(trace=TRACE, span=SPAN, sampled=sampled)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
    ],
)
def test_a_malformed_header_is_no_header(header: str | None) -> None:
    assert parse(header) is None


def test_a_later_version_may_say_more() -> None:
    assert parse(f"01-{TRACE}-{SPAN}-01-more") == TraceContext(trace=TRACE, span=SPAN)


def test_a_header_is_read_as_it_was_written() -> None:
    for sampled in (True, False):
        context = TraceContext(trace=TRACE, span=SPAN, sampled=sampled)
        assert parse(context.header) == context


def test_a_task_without_a_caller_has_a_trace_of_its_own() -> None:
    caller = TraceContext(trace=TRACE, span=SPAN, sampled=False)
    assert trace_of(TASK, None) == TASK.hex
    assert context_of(TASK, caller, "c" * 16) == TraceContext(trace=TRACE, span="c" * 16, sampled=False)


def test_what_runs_within_a_span_is_inside_it() -> None:
    assert (here(), inside("c" * 16)) == (None, None)
    with within(TraceContext(trace=TRACE, span=SPAN)):
        assert inside("c" * 16) == TraceContext(trace=TRACE, span="c" * 16)
    assert here() is None

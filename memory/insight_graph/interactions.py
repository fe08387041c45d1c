"""The interaction graph of an episode: who said what, and because of what."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from core.database import UnitOfWork, jsonb, queries
from core.ids import RecordId
from core.text import clipped, printable
from memory.guard.patterns import INSTRUCTION_LIMIT, instruction_score, without_secrets
from memory.insight_graph.model import MAX_UTTERANCES, UTTERANCE_CHARACTERS, Utterance

SQL = queries.load(__file__, "interactions.sql")

LEFT_OUT = "[left out: it reads like instructions]"

_UTTERANCES = TypeAdapter(list[Utterance])


def admitted(said: Sequence[Utterance]) -> list[Utterance]:
    """The utterances as they may be kept: bounded, without secrets, and without orders to a model."""
    return [one.model_copy(update={"content": _content(one.content)}) for one in said[:MAX_UTTERANCES]]


def _content(text: str) -> str:
    kept, _ = without_secrets(printable(text))
    kept = clipped(kept, UTTERANCE_CHARACTERS)
    return LEFT_OUT if instruction_score(kept) >= INSTRUCTION_LIMIT else kept


async def add(work: UnitOfWork, episode: RecordId, said: Sequence[Utterance]) -> None:
    """Write them with what caused them; repeating it changes nothing."""
    if not said:
        return
    edges = [(cause, seq) for seq, one in enumerate(said) for cause in one.causes]
    rows = [{"seq": seq, **one.model_dump(mode="json", exclude={"causes"})} for seq, one in enumerate(said)]
    await work.execute(
        SQL.insert,
        {
            "tenant": work.tenant,
            "episode": episode,
            "rows": jsonb(rows),
            "srcs": [src for src, _ in edges],
            "dsts": [dst for _, dst in edges],
        },
    )


async def of_episode(work: UnitOfWork, episode: RecordId) -> list[Utterance]:
    """In the order in which they were said."""
    return _UTTERANCES.validate_python(await work.fetch_all(SQL.of_episode, {"episode": episode}))

"""The budget ledger (law 5): reserve, then spend; a child's grant comes out of its parent's remainder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from core.database import Row, UnitOfWork, queries
from core.errors import BudgetExhausted
from core.grant import UNITS, Budget, Unit
from core.ids import AgentId

SQL = queries.load(__file__, "budget.sql")

Amounts = Mapping[Unit, int]

_WORDS: Mapping[Unit, str] = {"tokens": "tokens", "cost": "micro-dollars", "tool_calls": "tool calls"}


async def open_accounts(work: UnitOfWork, budgets: Mapping[AgentId, Budget]) -> None:
    granted = [(agent, unit, budget.amount(unit)) for agent, budget in budgets.items() for unit in UNITS]
    agents, units, amounts = zip(*granted, strict=True)
    await work.execute(
        SQL.open_accounts,
        {"tenant": work.tenant, "agents": list(agents), "units": list(units), "amounts": list(amounts)},
    )


async def reserve(work: UnitOfWork, agent: AgentId, amounts: Amounts, *, keep: Amounts) -> None:
    """Hold more, where as much as `keep` is left besides.

    Raises:
        BudgetExhausted: a unit does not cover both; zero granted covers nothing.
    """
    wanted = {
        "agent": agent,
        "units": list(amounts),
        "amounts": list(amounts.values()),
        "keep": [keep.get(unit, 0) for unit in amounts],
    }
    short = await _take(work, SQL.reserve, amounts, wanted)
    if short is not None:
        raise await exhausted(work, agent, short, amounts[short] + keep.get(short, 0))


async def exhausted(work: UnitOfWork, agent: AgentId, unit: Unit, needed: int) -> BudgetExhausted:
    """The error that tells what a call needs, and how the agent's account stands."""
    account = await work.fetch_one(SQL.account, {"agent": agent, "unit": unit})
    words = _WORDS[unit]
    if account is None:
        return BudgetExhausted(unit)
    left, granted, holder = account["remaining"], account["granted"], account["holder"]
    have = f"{left:,} of the {granted:,} granted to {holder} are left"
    return BudgetExhausted(unit, f"the next call may need {needed:,} {words}; {have}")


async def delegate(work: UnitOfWork, parent: AgentId, budgets: Mapping[AgentId, Budget]) -> None:
    """Carve children's grants out of their parent's remainder.

    Raises:
        BudgetExhausted: together they do not fit.
    """
    amounts: dict[Unit, int | None] = {unit: _sum(budgets, unit) for unit in UNITS}
    wanted = {"agent": parent, "units": list(amounts), "amounts": list(amounts.values())}
    short = await _take(work, SQL.delegate, amounts, wanted)
    if short is not None:
        raise BudgetExhausted(short)
    await open_accounts(work, budgets)


async def of_task(work: UnitOfWork, task: UUID) -> list[Row]:
    """All accounts of a task's agents, parents before their children."""
    return await work.fetch_all(SQL.of_task, {"task": task})


async def settle_ended(work: UnitOfWork, agents: Sequence[AgentId]) -> None:
    """Close the calls that ended agents left in flight, and give back what they did not spend.

    All that was held for such a call counts as spent.
    """
    await work.execute(SQL.settle_ended, {"agents": list(agents)})


async def _take(
    work: UnitOfWork, query: bytes, amounts: Mapping[Unit, int | None], wanted: Row
) -> Unit | None:
    """Returns the unit that does not cover its amount, if there is one."""
    covered = {row["unit"] for row in await work.fetch_all(query, wanted)}
    return next((unit for unit in amounts if unit not in covered), None)


def _sum(budgets: Mapping[AgentId, Budget], unit: Unit) -> int | None:
    amounts = [budget.amount(unit) for budget in budgets.values()]
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)

"""The budget ledger (law 5): reserve, then spend; a child's grant comes out of its parent's remainder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.database import UnitOfWork, queries
from core.errors import BudgetExhausted
from core.grant import UNITS, Budget, Unit
from core.ids import AgentId

SQL = queries.load(__file__, "budget.sql")

Amounts = Mapping[Unit, int]


async def open_accounts(work: UnitOfWork, budgets: Mapping[AgentId, Budget]) -> None:
    granted = [(agent, unit, budget.amount(unit)) for agent, budget in budgets.items() for unit in UNITS]
    agents, units, amounts = zip(*granted, strict=True)
    await work.execute(
        SQL.open_accounts,
        {"tenant": work.tenant, "agents": list(agents), "units": list(units), "amounts": list(amounts)},
    )


async def reserve(work: UnitOfWork, agent: AgentId, amounts: Amounts) -> None:
    """Raises `BudgetExhausted` when a unit does not cover its amount; zero granted covers nothing."""
    await _take(work, SQL.reserve, agent, amounts)


async def delegate(work: UnitOfWork, parent: AgentId, budgets: Mapping[AgentId, Budget]) -> None:
    """Carve children's grants out of their parent's remainder.

    Raises:
        BudgetExhausted: together they do not fit.
    """
    await _take(work, SQL.delegate, parent, {unit: _sum(budgets, unit) for unit in UNITS})
    await open_accounts(work, budgets)


async def settle_ended(work: UnitOfWork, agents: Sequence[AgentId]) -> None:
    """Close the calls that ended agents left in flight; all that was held for them counts as spent."""
    await work.execute(SQL.settle_ended, {"agents": list(agents)})


async def _take(work: UnitOfWork, query: bytes, agent: AgentId, amounts: Mapping[Unit, int | None]) -> None:
    wanted = {"agent": agent, "units": list(amounts), "amounts": list(amounts.values())}
    covered = {row["unit"] for row in await work.fetch_all(query, wanted)}
    for unit in amounts:
        if unit not in covered:
            raise BudgetExhausted(unit)


def _sum(budgets: Mapping[AgentId, Budget], unit: Unit) -> int | None:
    amounts = [budget.amount(unit) for budget in budgets.values()]
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)

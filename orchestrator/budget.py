"""The budget ledger (law 5): reserve, then spend; a child's grant comes out of its parent's remainder."""

from __future__ import annotations

from collections.abc import Mapping

from core.database import UnitOfWork, queries
from core.errors import BudgetExhausted
from core.grant import UNITS, Budget, Unit
from core.ids import AgentId

SQL = queries.load(__file__, "journal.sql")

Amounts = Mapping[Unit, int]


async def open_account(work: UnitOfWork, agent: AgentId, budget: Budget) -> None:
    await work.execute_many(
        SQL.grant,
        [
            {"tenant": work.tenant, "agent": agent, "unit": unit, "granted": budget.amount(unit)}
            for unit in UNITS
        ],
    )


async def reserve(work: UnitOfWork, agent: AgentId, amounts: Amounts) -> None:
    """Raises `BudgetExhausted` when a unit does not cover its amount; zero granted covers nothing."""
    for unit, amount in amounts.items():
        held = await work.execute(SQL.reserve, {"agent": agent, "unit": unit, "amount": amount})
        if not held:
            raise BudgetExhausted(unit)


async def settle(work: UnitOfWork, agent: AgentId, reserved: Amounts, used: Amounts) -> None:
    """Exchange a reservation for what was used; a unit missing from `used` settles at the reservation."""
    for unit, amount in reserved.items():
        await work.execute(
            SQL.settle,
            {"agent": agent, "unit": unit, "reserved": amount, "used": used.get(unit, amount)},
        )


async def delegate(work: UnitOfWork, parent: AgentId, child: AgentId, budget: Budget) -> None:
    """Carve a child's grant out of its parent's remainder. Raises `BudgetExhausted` when it does not fit."""
    for unit in UNITS:
        amount = budget.amount(unit)
        if not await work.execute(SQL.delegate, {"agent": parent, "unit": unit, "amount": amount}):
            raise BudgetExhausted(unit)
    await open_account(work, child, budget)


async def give_back(work: UnitOfWork, parent: AgentId, child: AgentId) -> None:
    await work.execute(SQL.give_back, {"parent": parent, "child": child})


async def remaining(work: UnitOfWork, agent: AgentId) -> dict[Unit, int | None]:
    rows = await work.fetch_all(SQL.remaining, {"agent": agent})
    return {row["unit"]: row["remaining"] for row in rows}

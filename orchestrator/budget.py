"""The budget ledger (law 5): reserve, then spend; a child's grant comes out of its parent's remainder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.database import Row, UnitOfWork, queries
from core.errors import BudgetExhausted
from core.grant import UNITS, Budget, Unit
from core.ids import AgentId

SQL = queries.load(__file__, "budget.sql")

Amounts = Mapping[Unit, int]


async def open_account(work: UnitOfWork, agent: AgentId, budget: Budget) -> None:
    await work.execute(SQL.grant, {"tenant": work.tenant, "agent": agent} | _granted(budget))


async def reserve(work: UnitOfWork, agent: AgentId, amounts: Amounts) -> None:
    """Raises `BudgetExhausted` when a unit does not cover its amount; zero granted covers nothing."""
    if not amounts:
        return
    wanted = {"units": list(amounts), "amounts": list(amounts.values())}
    _all_of(amounts, await work.fetch_all(SQL.reserve, {"agent": agent} | wanted))


async def settle(work: UnitOfWork, agent: AgentId, reserved: Amounts, used: Amounts) -> None:
    """Exchange a reservation for what was used; a unit missing from `used` settles at the reservation."""
    if not reserved:
        return
    settled = [used.get(unit, amount) for unit, amount in reserved.items()]
    await work.execute(
        SQL.settle,
        {"agent": agent, "units": list(reserved), "held": list(reserved.values()), "used": settled},
    )


async def settle_ended(work: UnitOfWork, agents: Sequence[AgentId]) -> None:
    """Close the calls that ended agents left in flight; all that was held for them counts as spent."""
    await work.execute(SQL.settle_ended, {"agents": list(agents)})


async def delegate(work: UnitOfWork, parent: AgentId, child: AgentId, budget: Budget) -> None:
    """Carve a child's grant out of its parent's remainder. Raises `BudgetExhausted` when it does not fit."""
    _all_of(UNITS, await work.fetch_all(SQL.delegate, {"agent": parent} | _granted(budget)))
    await open_account(work, child, budget)


async def give_back(work: UnitOfWork, parent: AgentId, child: AgentId) -> None:
    await work.execute(SQL.give_back, {"parent": parent, "child": child})


async def remaining(work: UnitOfWork, agent: AgentId) -> dict[Unit, int | None]:
    rows = await work.fetch_all(SQL.remaining, {"agent": agent})
    return {row["unit"]: row["remaining"] for row in rows}


def _granted(budget: Budget) -> Row:
    return {"units": list(UNITS), "amounts": [budget.amount(unit) for unit in UNITS]}


def _all_of(wanted: Iterable[Unit], covered: Sequence[Row]) -> None:
    units = {row["unit"] for row in covered}
    for unit in wanted:
        if unit not in units:
            raise BudgetExhausted(unit)

from __future__ import annotations

from uuid import UUID

from cli.index import in_words
from core.ids import TenantId
from memory import Difference

NOBODY = Difference(
    tenant=TenantId(UUID(int=1)), collection="note", records=0, missing=0, extra=0, different=0, waiting=0
)


def found(tenant: int, **numbers: int) -> Difference:
    return Difference(
        **{**NOBODY.__dict__, "tenant": TenantId(UUID(int=tenant)), **numbers}  # pyright: ignore[reportArgumentType] - counts
    )


def test_an_index_that_agrees_with_its_rows() -> None:
    assert in_words([found(1, records=1200), found(2, records=1)]) == "1,201 records, all as their rows are"


def test_what_differs_is_counted_over_all_tenants() -> None:
    said = in_words([found(1, records=5, missing=2, waiting=2), found(2, extra=1, different=3)])
    assert said == "5 records, 2 missing, 1 extra, 3 different (2 changes not taken in yet)"


def test_changes_of_a_tenant_are_counted_once() -> None:
    assert in_words([found(1, waiting=1), found(1, waiting=1)]).endswith("(1 change not taken in yet)")

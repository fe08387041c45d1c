from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict

from core.postgres import PostgresAddress


def test_conninfo_survives_awkward_passwords_and_insists_on_scram() -> None:
    address = PostgresAddress(
        host="127.0.0.1", port=5432, user="treehold_admin", password=r"it's a \ pass", database="treehold"
    )
    parts = conninfo_to_dict(address.conninfo())
    assert parts["password"] == r"it's a \ pass"
    assert (parts["port"], parts["dbname"]) == ("5432", "treehold")
    assert parts["require_auth"] == "scram-sha-256"
    assert "pass" not in repr(address).replace("password", "")

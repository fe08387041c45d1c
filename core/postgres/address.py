"""Where the server answers, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg.conninfo import make_conninfo

SUPERUSER = "treehold_admin"
DATABASE = "treehold"


@dataclass(frozen=True, kw_only=True)
class PostgresAddress:
    """One way into a server. Another role or database: `dataclasses.replace`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    def conninfo(self) -> str:
        """A libpq conninfo string, with the password in it.

        It insists on SCRAM, in which the server proves that it knows the password too: another program
        that took the port after the server ended learns nothing.
        """
        return make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.database,
            require_auth="scram-sha-256",
        )

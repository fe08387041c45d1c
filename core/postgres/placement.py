"""The folder that was asked for, what may lie in it, and where its cluster lives."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import ConfigurationError
from core.postgres.account import Account
from core.postgres.binaries import MAJOR, own_folder
from core.postgres.files import read_private, write_private

CHOOSE = "choose another folder with TREEHOLD_DATA_DIR"
DRAFT_PREFIX = "init-"


class Location(BaseModel):
    """The note that says where a folder's cluster is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    data: Path


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Names of the files in the folder that was asked for. Locks and notes always stay in it."""

    folder: Path

    @property
    def transition(self) -> Path:
        """Held exclusively by whoever initialises, starts or stops."""
        return self.folder / "transition.lock"

    @property
    def users(self) -> Path:
        """Held shared by every user process for as long as it wants the server."""
        return self.folder / "users.lock"

    @property
    def keeper(self) -> Path:
        """Held exclusively by the keeper for its lifetime."""
        return self.folder / "keeper.lock"

    @property
    def server(self) -> Path:
        """Held by every process of the server: free only when the last one has ended."""
        return self.folder / "server.lock"

    @property
    def runtime(self) -> Path:
        return self.folder / "runtime.json"

    @property
    def password(self) -> Path:
        return self.folder / "password"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def location(self) -> Path:
        """The note that says where the cluster is, where it is not in this folder."""
        return self.folder / "location.json"

    def data(self) -> Path:
        """The cluster's folder, as far as it was decided; it need not exist."""
        note = read_private(self.location)
        if note is None:
            return self.folder / "data"
        return Location.model_validate_json(note).data

    def prepare(self) -> None:
        """Make the folder if it is missing.

        Raises:
            ConfigurationError: the folder holds something else; nothing in it was touched.
        """
        if self.folder.exists():
            self._refuse_strangers()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # Root's server runs as another user, who must be able to pass through, and no more than that.
        self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def _refuse_strangers(self) -> None:
        if not self.folder.is_dir():
            raise ConfigurationError(f"{self.folder} is not a folder: {CHOOSE}")
        if (self.folder / "PG_VERSION").exists():
            found = (self.folder / "PG_VERSION").read_text().strip()
            raise ConfigurationError(
                f"{self.folder} is itself a Postgres {found} cluster, which Treehold (Postgres {MAJOR}) did "
                f"not make: dump it with Postgres {found} if you need its data, or {CHOOSE}"
            )
        if self.location.exists() or (self.folder / "data" / "PG_VERSION").exists():
            return
        strangers = sorted(entry.name for entry in self.folder.iterdir() if not self._is_ours(entry.name))
        if strangers:
            raise ConfigurationError(
                f"{self.folder} is not a Treehold database folder and is not empty (it holds "
                f"{', '.join(strangers[:3])}): empty it, or {CHOOSE}"
            )

    def _is_ours(self, name: str) -> bool:
        ours = {
            "data",
            *(path.name for path in (self.transition, self.users, self.keeper, self.server)),
            *(path.name for path in (self.runtime, self.password, self.log)),
        }
        return name in ours or name.startswith((DRAFT_PREFIX, *(f"{own}." for own in ours)))

    def place(self, account: Account, state_root: Path) -> Path:
        """Decide once where the cluster lives; call it holding the transition lock.

        Returns:
            The cluster's folder: in the folder that was asked for, or under `state_root` where the
            server's user cannot reach that one.

        Raises:
            ConfigurationError: the user cannot reach the place.
        """
        data = self.data()
        if not self.location.exists() and not data.exists() and not account.can_enter(self.folder):
            data = self._place_elsewhere(account, state_root)
        if not account.can_enter(data.parent):
            raise ConfigurationError(
                f"user {account.name}, who must run Postgres because root may not, cannot reach "
                f"{data.parent}: open the folders above it for passing (chmod o+x), or {CHOOSE}"
            )
        return data

    def _place_elsewhere(self, account: Account, state_root: Path) -> Path:
        clusters = state_root / "clusters"
        own_folder(state_root, 0o755)
        own_folder(clusters, 0o711)
        home = clusters / hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        if home.exists():
            _set_aside(home)
        own_folder(home, 0o711)
        about = (
            f"Treehold's database for this folder: user {account.name}, who runs it, cannot reach this one."
        )
        note = Location(about=about, data=home / "data")
        write_private(self.location, note.model_dump_json(indent=2) + "\n")
        return note.data


def _set_aside(home: Path) -> None:
    """Keep the cluster of a folder of the same name that somebody deleted; its password went with it."""
    number = 1
    while (aside := home.with_name(f"{home.name}.aside-{number}")).exists():
        number += 1
    home.rename(aside)

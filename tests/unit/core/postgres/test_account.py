from __future__ import annotations

import os
import sys

from core.postgres.account import Account


def test_what_is_run_for_the_server_is_out_of_reach_of_the_terminal() -> None:
    account = Account(name="us", uid=os.getuid(), gid=os.getgid(), dropped=False)
    assert account.can_run(sys.executable, "-c", "import os, sys; sys.exit(os.getsid(0) != os.getpid())")

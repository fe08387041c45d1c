"""A user of the embedded server: says where it is, and holds it until standard input ends."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from core.postgres import EmbeddedPostgres

if __name__ == "__main__":
    folder, state_root = map(Path, sys.argv[1:])
    with EmbeddedPostgres(folder, grace=0.1, state_root=state_root) as address:
        sys.stdout.write(json.dumps(asdict(address)) + "\n")
        sys.stdout.flush()
        sys.stdin.read()

"""A process of its own: start the embedded host, submit, wait for the first event, tell what was imported."""

from __future__ import annotations

import json
import sys
import time

from cli import options
from cli.session import connect

HEAVY = (
    "langchain_anthropic", "langchain_community", "langchain_openai", "litellm", "onnxruntime", "openai",
    "opentelemetry.exporter", "sentence_transformers", "torch", "transformers",
)  # fmt: skip


def main() -> None:
    with connect(options.settings(), server=None, key=None, workers=True) as session:
        task = session.client.submit("What is the lighthouse keeper called?", workspace=sys.argv[1])
        seconds, first = None, ""
        for event in session.client.stream(task.id):
            if seconds is None:
                seconds, first = time.monotonic() - float(sys.argv[2]), event.kind
        status = session.client.get(task.id).status
    loaded = sorted({name for name in sys.modules if name.startswith(HEAVY)})
    print(json.dumps({"seconds": seconds, "first": first, "status": status, "heavy": loaded}))


if __name__ == "__main__":
    main()

from __future__ import annotations

import subprocess
import sys

from inference import Usage
from inference.prices import configured_price, published_price

USAGE = Usage(prompt_tokens=1_000_000, completion_tokens=500_000, cached_tokens=400_000)


def test_configured_prices_are_per_million_tokens() -> None:
    price = configured_price(prompt=2.0, completion=4.0)
    assert price is not None
    assert price.micros(USAGE) == 4_000_000


def test_no_configured_price_is_not_a_price_of_zero() -> None:
    assert configured_price(prompt=0, completion=0) is None


def test_money_is_rounded_up() -> None:
    price = configured_price(prompt=0.1, completion=0.1)
    assert price is not None
    assert price.micros(Usage(prompt_tokens=1)) == 1
    assert price.micros(Usage()) == 0


def test_published_prices_are_found_with_and_without_the_provider() -> None:
    bare, full = published_price("gpt-4o-mini"), published_price("openai/gpt-4o-mini")
    assert bare is not None
    assert bare == full
    assert bare.cached < bare.prompt
    assert published_price("nobody/knows-this") is None


def test_no_price_costs_the_import_of_litellm() -> None:
    """It takes seconds; a submission with a limit on cost asks for the price before it is answered."""
    asked = "import sys; from inference.prices import published_price as p; assert p('gpt-4o-mini'); "
    subprocess.run([sys.executable, "-c", asked + "assert 'litellm' not in sys.modules"], check=True)

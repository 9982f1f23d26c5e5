"""Regular expressions without backtracking: whatever the expression, a text is read once, character by character.

An expression becomes a set of *places* (one for each character or assertion it may be waiting for). While a text is read, the places that
are possible at the moment are one *state*; states and the ways between them are found when a text first needs them and kept. A character
costs one look into a dictionary when its way is known, else a look at each place of the state, so the cost of any text is at most its
length times the number of places. What this needs is that an expression is regular: without look-around, back-references, atomic groups.

Says only whether a text has a match, which is the same for greedy and lazy repetitions.
"""

from __future__ import annotations

import re
import re._compiler as sre_compiler  # type: ignore[import-not-found]  # compiles one parsed character
import re._parser as sre_parser  # type: ignore[import-not-found]  # the one parser of these expressions in the standard library
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.domain.errors import InvalidArgumentError

MOST_PLACES = 5000
_MOST_WAYS_KEPT = 20_000
_MATCHED = -1
_CHARACTERS = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT"})

_Holds = Callable[[str, str, bool], bool]
"""Whether an assertion holds between two characters (empty: an end of the text); the third says that only a last newline follows."""


class NotRegularError(InvalidArgumentError):
    """An expression has parts that need backtracking."""


@dataclass(slots=True)
class _Place:
    """What may come next: a character that `takes` accepts, an assertion that `holds`, or (neither) any of `after` at once."""

    after: tuple[int, ...]
    takes: Callable[[str], object] | None = None
    holds: _Holds | None = None


@dataclass(slots=True)
class _State:
    """The places that are possible after some text; None as a way says that the text has a match."""

    places: frozenset[int]
    ways: dict[tuple[str, str], _State | None] = field(default_factory=dict)


class Automaton:
    """A regular expression, ready to be looked for."""

    def __init__(self, tree: Any) -> None:
        """Take an expression as `re` parses it.

        Raises:
            NotRegularError: it has look-around, back-references or atomic groups.
            InvalidArgumentError: it has too many places.
        """
        self._places: list[_Place] = []
        self._start = frozenset(self._sequence(tree, tree.state.flags, (_MATCHED,)))
        self._states: dict[frozenset[int], _State] = {}
        self._kept = 0

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self._places)

    def is_in(self, text: str) -> bool:
        """Whether any part of `text` matches."""
        state, before, last = self._state(self._start), "", len(text) - 1
        for index, character in enumerate(text):
            if index == last and character == "\n":
                break
            way = (before, character)
            try:
                following = state.ways[way]
            except KeyError:
                following = self._learn(state, way)
            if following is None:
                return True
            state, before = following, character
        if text.endswith("\n"):
            following = self._step(state, before, "\n", is_last=True)
            if following is None:
                return True
            state, before = following, "\n"
        return self._reached(state.places, before, "", is_last=False) is None

    def _learn(self, state: _State, way: tuple[str, str]) -> _State | None:
        self._kept += 1
        if self._kept > _MOST_WAYS_KEPT:
            self._states, self._kept = {}, 0
        following = state.ways[way] = self._step(state, *way, is_last=False)
        return following

    def _state(self, places: frozenset[int]) -> _State:
        return self._states.setdefault(places, _State(places))

    def _step(self, state: _State, before: str, character: str, *, is_last: bool) -> _State | None:
        reached = self._reached(state.places, before, character, is_last=is_last)
        if reached is None:
            return None
        following: set[int] = set(self._start)
        for number in reached:
            place = self._places[number]
            if place.takes is not None and place.takes(character):
                following.update(place.after)
        return self._state(frozenset(following))

    def _reached(self, places: Iterable[int], before: str, character: str, *, is_last: bool) -> set[int] | None:
        """Return all places that are possible between two characters; None where the expression is matched."""
        pending, reached = list(places), set(places)
        while pending:
            number = pending.pop()
            if number == _MATCHED:
                return None
            place = self._places[number]
            if place.takes is None and (place.holds is None or place.holds(before, character, is_last)):
                new = [after for after in place.after if after not in reached]
                reached.update(new)
                pending += new
        return reached

    def _add(self, after: Sequence[int], *, takes: Callable[[str], object] | None = None, holds: _Holds | None = None) -> int:
        if len(self._places) >= MOST_PLACES:
            raise InvalidArgumentError("a regular expression that is so long when its repetitions are written out could take for ever")
        self._places.append(_Place(tuple(after), takes, holds))
        return len(self._places) - 1

    def _sequence(self, tree: Iterable[Any], flags: int, after: tuple[int, ...]) -> tuple[int, ...]:
        """Return the places where a sequence of parsed parts begins, which is followed by those of `after`."""
        for operation, argument in reversed(list(tree)):
            after = self._part(str(operation), argument, flags, after)
        return after

    def _part(self, name: str, argument: Any, flags: int, after: tuple[int, ...]) -> tuple[int, ...]:
        if name in _CHARACTERS:
            return (self._add(after, takes=_taking(name, argument, flags)),)
        if name == "AT":
            return (self._add(after, holds=_assertion(str(argument), flags)),)
        if name == "SUBPATTERN":
            _, added, removed, inner = argument
            return self._sequence(inner, (flags | added) & ~removed, after)
        if name == "BRANCH":
            return (self._add([first for branch in argument[1] for first in self._sequence(branch, flags, after)]),)
        if name in _REPEATS:
            least, most, inner = argument
            return self._repeated(inner, least, most, flags, after)
        raise NotRegularError("look-around, back-references and atomic groups need backtracking")

    def _repeated(self, inner: Any, least: int, most: Any, flags: int, after: tuple[int, ...]) -> tuple[int, ...]:
        if most is sre_parser.MAXREPEAT:
            again = self._add(())
            self._places[again].after = (*self._sequence(inner, flags, (again,)), *after)
            after = (again,)
        else:
            end = after
            for _ in range(most - least):
                after = (self._add((*self._sequence(inner, flags, after), *end)),)
        for _ in range(least):
            after = self._sequence(inner, flags, after)
        return after


def _taking(name: str, argument: Any, flags: int) -> Callable[[str], object]:
    """Return what says whether a character is the one parsed part, by way of `re` itself."""
    if name == "LITERAL" and not flags & re.IGNORECASE:
        return chr(argument).__eq__
    state = sre_parser.State()
    state.flags = flags
    operation = getattr(sre_parser, name)
    character: re.Pattern[str] = sre_compiler.compile(sre_parser.SubPattern(state, [(operation, argument)]))
    return character.match


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _is_ascii_word(character: str) -> bool:
    return character.isascii() and _is_word(character)


def _assertion(name: str, flags: int) -> _Holds:
    if name in {"AT_BOUNDARY", "AT_NON_BOUNDARY"}:
        is_word = _is_ascii_word if flags & re.ASCII else _is_word
        wanted = name == "AT_BOUNDARY"
        # `re` finds neither in an empty text.
        return lambda before, after, is_last: bool(before or after) and (is_word(before) != is_word(after)) == wanted
    if name == "AT_BEGINNING" and flags & re.MULTILINE:
        return lambda before, after, is_last: before in {"", "\n"}
    if name in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
        return lambda before, after, is_last: not before
    if name == "AT_END" and flags & re.MULTILINE:
        return lambda before, after, is_last: after in {"", "\n"}
    if name == "AT_END":
        return lambda before, after, is_last: not after or is_last
    return lambda before, after, is_last: not after

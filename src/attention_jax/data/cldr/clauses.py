"""Every template of a pair of languages."""

import functools

from attention_jax.data.cldr import moments, names, numbers, quantities
from attention_jax.data.cldr.draw import Clause, Dice, Draw, Template
from attention_jax.data.cldr.languages import Pair
from attention_jax.data.cldr.pieces import Piece, UnfitPatternError
from attention_jax.data.words import join, split
from attention_jax.errors import UserError

FEWEST = 30
"""A pair with fewer templates than this is refused."""

_TRIES = 1000


@functools.cache
def templates(pair: Pair) -> tuple[Template, ...]:
    """The templates that both languages have the patterns for.

    Raises:
      UserError: CLDR and num2words know too little of one of the languages.
    """
    found = []
    for recipe, weight, make in (
        moments.RECIPES + numbers.RECIPES + quantities.RECIPES + names.RECIPES
    ):
        try:
            draw = _retry(recipe, make(pair))
            if _is_whole(draw(Dice(0)).piece):
                found.append(Template(recipe, draw, weight))
        except UnfitPatternError:
            continue
    if len(found) < FEWEST:
        raise UserError(
            f"cldr_phrases has only {len(found)} templates for {pair.source} to {pair.target}: "
            "choose a language that Babel and num2words know more of"
        )
    return tuple(found)


def _is_whole(piece: Piece) -> bool:
    """Whether the words are still the same words in the text they make."""
    return all(split(join(words)) == list(words) for words in (piece.source, piece.target))


def _retry(recipe: str, draw: Draw) -> Draw:
    """Draws again when a language has no pattern for just this value (Arabic: "two hours")."""

    def steady(dice: Dice) -> Clause:
        for _ in range(_TRIES):
            try:
                return draw(dice)
            except UnfitPatternError:
                continue
        raise UnfitPatternError(f"nothing can be drawn from {recipe}")

    return steady

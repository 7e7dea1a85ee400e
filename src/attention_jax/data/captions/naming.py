"""Which objects of a scene the colour and shape words of a caption may name."""

from collections.abc import Sequence
from typing import NamedTuple

from attention_jax.data.captions.told import Box

COLOURS = ("black", "yellow", "blue")
SHAPES = {
    **dict.fromkeys(("circle", "circles"), "circle"),
    **dict.fromkeys(("triangle", "triangles"), "triangle"),
    **dict.fromkeys(("square", "squares", "block", "blocks"), "square"),
}
"""Word -> shape; the blocks of a tower are squares."""
_GREY = ("grey", "gray")


class Thing(NamedTuple):
    """An object of a scene."""

    box: Box
    colour: str
    shape: str


def named(words: Sequence[str], things: Sequence[Thing]) -> tuple[tuple[Box, ...], ...]:
    """The boxes of all objects that each word may name.

    A colour word names all objects of its colour, a shape word all of its shape; a colour right
    before a shape ("yellow blocks") and the shape behind it name those that are both. A grey square
    is one of the boxes that the scene is made of, no object. Other words, misspelt ones too, name
    nothing. What a sentence denies ("no black triangle") counts as named where it is there all the
    same.
    """
    found = []
    for before, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
        colour = word if word in COLOURS else None
        shape = SHAPES.get(word) if before not in _GREY else None
        if colour:
            shape = SHAPES.get(after)
        elif shape and before in COLOURS:
            colour = before
        fits = [
            thing.box
            for thing in things
            if colour in (None, thing.colour) and shape in (None, thing.shape)
        ]
        found.append(tuple(fits) if colour or shape else ())
    return tuple(found)

"""`cldr_phrases`: parallel phrases of real words, with word alignments known by construction.

Dates, times, numbers in words, quantities, prices, countries, languages and lists of them, from
Babel's CLDR data and num2words, in any two spaced languages that both know. From the bottom up:

    align, pieces   words that belong together; forms with slots; pieces in slots make pieces
    languages, draw, inventories   the two languages, the dice, what is spoken of
    numbers, dates, moments, quantities, names, lists   clauses of one kind each
    clauses, compose   every template; phrases of clauses
    splits   what is held out of training, and the splits
    builder, load   the TFDS builder, and the columns of a split
"""

from attention_jax.data.cldr.languages import supported
from attention_jax.data.cldr.load import Phrases, load, prepare
from attention_jax.data.cldr.splits import (
    SPLITS,
    CldrConfig,
    Example,
    generate,
    generator_hash,
    held_out,
)

__all__ = [
    "SPLITS",
    "CldrConfig",
    "Example",
    "Phrases",
    "generate",
    "generator_hash",
    "held_out",
    "load",
    "prepare",
    "supported",
]

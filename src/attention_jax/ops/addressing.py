"""The Neural Turing Machine's memory: where its heads look, and what they do there.

Said one after the other: which slots are like the key (`content`), or does the head stay where it
was (`interpolate`), then how many slots further (`shift`), and without the blur (`sharpen`).
`address` is all four. A head then reads (`read`) or writes (`erase`, then `add`).

Each head has its weights over the slots: a distribution, in float32. The memory keeps its own type,
and its slots side by side: a slot is a column. There are many slots and a word is short, so that a
processor's vectors are filled: on one core a step of the paper's copy takes two thirds of the time.

Source: Graves 2014, §3 (weights are their w, a slot is a memory location, memory their M_t,
transposed).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attention_jax.ops import scores
from attention_jax.typing import Array, Float

_NO_WEIGHT = 1e-12


class Addressing(NamedTuple):
    """Weights after each stage, [*batch heads slots]; the last are the head's."""

    content: Float[Array, "*batch heads slots"]
    gated: Float[Array, "*batch heads slots"]
    shifted: Float[Array, "*batch heads slots"]
    sharpened: Float[Array, "*batch heads slots"]


def content(
    key: Float[Array, "*batch heads word"],
    strength: Float[Array, "*batch heads"],
    memory: Float[Array, "*batch word slots"],
) -> Float[Array, "*batch heads slots"]:
    """w_c(i) = softmax_i(beta · cosine(k, M(i))): the slots that are like the key.

    A strength of 0 or a zero key likes all slots equally; an empty (zero) slot has cosine 0.

    Source: Graves 2014, eq. 5 and 6 (strength is their beta, at least 0).
    """
    # Not `scores.cosine` of a memory turned round: XLA turns it at every step, a fifth of the time.
    product = jnp.einsum("...hw,...ws->...hs", key, memory, preferred_element_type=jnp.float32)
    norms = scores.per_norm(key)[..., :, None] * scores.per_norm(memory, axis=-2)[..., None, :]
    return jax.nn.softmax(strength.astype(jnp.float32)[..., None] * product * norms)


def interpolate(
    content: Float[Array, "*batch heads slots"],
    previous: Float[Array, "*batch heads slots"],
    gate: Float[Array, "*batch heads"],
) -> Float[Array, "*batch heads slots"]:
    """w_g = g w_c + (1 - g) w_{t-1}: a gate of 1 goes by content, of 0 stays where the head was.

    Source: Graves 2014, eq. 7.
    """
    gate = gate[..., None]
    return gate * content + (1 - gate) * previous


def shifts_from_scores(
    raw: Float[Array, "*batch heads shifts"],
) -> Float[Array, "*batch heads shifts"]:
    """Softmax over the allowed integer shifts -D .. D, in this order, in float32.

    Source: Graves 2014, §3.3.2, the first of the two forms.
    """
    return jax.nn.softmax(raw.astype(jnp.float32))


def shifts_from_scalar(
    amount: Float[Array, "*batch heads"], max_shift: int
) -> Float[Array, "*batch heads {2*max_shift+1}"]:
    """A shift by a real number: of 6.7 slots, s(6) = 0.3 and s(7) = 0.7.

    The number is the lower bound of a uniform distribution of width one. Seen from an integer d
    that is s(d) = max(0, 1 - |amount - d|), which has a slope everywhere (at an integer the mean of
    both sides'). An amount beyond max_shift counts as max_shift.

    Source: Graves 2014, §3.3.2, the second form.
    """
    amount = jnp.clip(amount.astype(jnp.float32), -max_shift, max_shift)
    difference = amount[..., None] - jnp.arange(-max_shift, max_shift + 1)
    # -|difference|, with a slope of zero at zero, which `abs` has not.
    return jnp.maximum(0.0, 1 + jnp.minimum(difference, -difference))


def shift(
    weights: Float[Array, "*batch heads slots"], shifts: Float[Array, "*batch heads shifts"]
) -> Float[Array, "*batch heads slots"]:
    """w_s(i) = Σ_d w_g((i - d) mod slots) s(d): a circular convolution.

    `shifts` holds s(-D) .. s(D), an odd number of them. A shift of +1 moves the focus from slot i
    to slot i + 1, and from the last slot to the first.

    Source: Graves 2014, eq. 8.
    """
    reach = shifts.shape[-1] // 2
    moved = shifts[..., :1] * jnp.roll(weights, -reach, axis=-1)
    for place in range(1, shifts.shape[-1]):
        moved += shifts[..., place, None] * jnp.roll(weights, place - reach, axis=-1)
    return moved


def sharpen(
    weights: Float[Array, "*batch heads slots"], sharpening: Float[Array, "*batch heads"]
) -> Float[Array, "*batch heads slots"]:
    """w(i) = w_s(i)^gamma / Σ_j w_s(j)^gamma, as softmax(gamma · log(w_s + 1e-12)).

    The plain powers of even weights underflow together, to 0/0; their logarithms do not.

    Source: Graves 2014, eq. 9 (sharpening is their gamma, at least 1).
    """
    logs = jnp.log(weights.astype(jnp.float32) + _NO_WEIGHT)
    return jax.nn.softmax(sharpening.astype(jnp.float32)[..., None] * logs)


def address(
    memory: Float[Array, "*batch word slots"],
    previous: Float[Array, "*batch heads slots"],
    *,
    key: Float[Array, "*batch heads word"],
    strength: Float[Array, "*batch heads"],
    gate: Float[Array, "*batch heads"],
    shifts: Float[Array, "*batch heads shifts"],
    sharpening: Float[Array, "*batch heads"],
) -> Addressing:
    """`content`, `interpolate`, `shift`, `sharpen`, from the weights `previous` of each head.

    Source: Graves 2014, §3.3, figure 2.
    """
    alike = content(key, strength, memory)
    gated = interpolate(alike, previous, gate)
    shifted = shift(gated, shifts)
    return Addressing(alike, gated, shifted, sharpen(shifted, sharpening))


def read(
    weights: Float[Array, "*batch heads slots"], memory: Float[Array, "*batch word slots"]
) -> Float[Array, "*batch heads word"]:
    """Read vector r = Σ_i w(i) M(i), in the memory's type.

    Source: Graves 2014, eq. 2.
    """
    return jnp.einsum("...hs,...ws->...hw", weights.astype(memory.dtype), memory)


def erase(
    memory: Float[Array, "*batch word slots"],
    weights: Float[Array, "*batch heads slots"],
    amount: Float[Array, "*batch heads word"],
) -> Float[Array, "*batch word slots"]:
    """M(i) ⊙ Π_heads (1 - w(i) e): a slot of weight 1 loses all that e says.

    Source: Graves 2014, eq. 3 (amount is their e, within [0, 1]).
    """
    # Head by head: no array of heads x word x slots arises.
    for head in range(weights.shape[-2]):
        gone = amount[..., head, :, None] * weights[..., head, None, :]
        memory = memory * (1 - gone).astype(memory.dtype)
    return memory


def add(
    memory: Float[Array, "*batch word slots"],
    weights: Float[Array, "*batch heads slots"],
    new: Float[Array, "*batch heads word"],
) -> Float[Array, "*batch word slots"]:
    """M(i) + Σ_heads w(i) a.

    Several heads write as the paper says: all of them `erase`, then all of them `add`.

    Source: Graves 2014, eq. 4 (new is their a).
    """
    return memory + jnp.einsum("...hw,...hs->...ws", new, weights).astype(memory.dtype)

"""Every stage of addressing, and reading and writing, against loops over slots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.ops import addressing

BATCH, HEADS, SLOTS, WORD, REACH = 2, 3, 7, 4, 2


def case(seed=0):
    """Arrays by name, for every head of every example."""
    rng = np.random.default_rng(seed)
    heads = (BATCH, HEADS)
    arrays = {
        "memory": rng.normal(size=(BATCH, WORD, SLOTS)),
        "weights": rng.dirichlet(np.ones(SLOTS), heads),
        "previous": rng.dirichlet(np.ones(SLOTS), heads),
        "key": rng.normal(size=(*heads, WORD)),
        "strength": rng.uniform(0, 5, heads),
        "gate": rng.random(heads),
        "shifts": rng.dirichlet(np.ones(2 * REACH + 1), heads),
        "sharpening": rng.uniform(1, 4, heads),
        "amount": rng.random((*heads, WORD)),
        "new": rng.normal(size=(*heads, WORD)),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def content(key, strength, memory):
    powers = np.array(
        [
            np.exp(strength * (key @ row) / (np.linalg.norm(key) * np.linalg.norm(row)))
            for row in memory.T
        ]
    )
    return powers / powers.sum()


def interpolate(alike, previous, gate):
    return np.array([gate * c + (1 - gate) * w for c, w in zip(alike, previous, strict=True)])


def shift(weights, shifts):
    """Equation 8 word for word: a sum over all slots, the distribution over all N shifts."""
    slots, reach = len(weights), len(shifts) // 2
    distribution = np.zeros(slots)
    for place, share in enumerate(shifts):
        distribution[(place - reach) % slots] += share
    result = np.zeros(slots)
    for i in range(slots):
        for j in range(slots):
            result[i] += weights[j] * distribution[(i - j) % slots]
    return result


def sharpen(weights, sharpening):
    powers = np.array([w**sharpening for w in weights])
    return powers / powers.sum()


def read(weights, memory):
    return sum(w * row for w, row in zip(weights, memory.T, strict=True))


# An oracle for one head of one example, the names of what it and the function take.
STAGES = {
    "content": (content, ("key", "strength", "memory")),
    "interpolate": (interpolate, ("weights", "previous", "gate")),
    "shift": (shift, ("weights", "shifts")),
    "sharpen": (sharpen, ("weights", "sharpening")),
    "read": (read, ("weights", "memory")),
}
every_stage = pytest.mark.parametrize("name", STAGES)


def run(name, arrays):
    return getattr(addressing, name)(*(arrays[key] for key in STAGES[name][1]))


def loop(name, arrays):
    oracle, names = STAGES[name]
    return np.array(
        [
            [
                oracle(*(arrays[k][b] if k == "memory" else arrays[k][b, h] for k in names))
                for h in range(HEADS)
            ]
            for b in range(BATCH)
        ]
    )


@jax.jit
def write(memory, weights, amount, new):
    return addressing.add(addressing.erase(memory, weights, amount), weights, new)


def of(arrays, *names):
    return tuple(jnp.array(arrays[name]) for name in names)


WRITING = ("memory", "weights", "amount", "new")


@every_stage
def test_a_stage_is_never_other_than_the_loop_over_slots(name):
    arrays = case()
    result = jax.jit(lambda arrays: run(name, arrays))(arrays)
    np.testing.assert_allclose(result, loop(name, arrays), atol=1e-5)


def test_all_heads_erase_before_any_adds():
    arrays = case()
    expected = arrays["memory"].copy()
    for b in range(BATCH):
        for i in range(SLOTS):
            for h in range(HEADS):
                expected[b, :, i] *= 1 - arrays["weights"][b, h, i] * arrays["amount"][b, h]
            for h in range(HEADS):
                expected[b, :, i] += arrays["weights"][b, h, i] * arrays["new"][b, h]
    result = write(*of(arrays, *WRITING))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_the_order_of_writing_heads_never_matters():
    memory, *heads = of(case(), *WRITING)
    turned = [jnp.flip(array, axis=1) for array in heads]
    np.testing.assert_allclose(write(memory, *turned), write(memory, *heads), atol=1e-6)


def test_writing_with_full_weight_replaces_a_slot_and_touches_no_other():
    memory = jnp.array([[[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]])
    weights = jnp.array([[[0.0, 1.0, 0.0]]])
    result = write(memory, weights, jnp.ones((1, 1, 2)), jnp.array([[[7.0, 8.0]]]))
    np.testing.assert_array_equal(result, [[[0, 7, 4], [1, 8, 5]]])


def test_addressing_is_its_four_stages_one_after_the_other():
    arrays = case()
    memory, previous = of(arrays, "memory", "previous")
    names = ("key", "strength", "gate", "shifts", "sharpening")
    stages = jax.jit(addressing.address)(
        memory, previous, **dict(zip(names, of(arrays, *names), strict=True))
    )
    arrays["weights"] = loop("content", arrays)
    for name, after in (
        ("interpolate", stages.gated),
        ("shift", stages.shifted),
        ("sharpen", stages.sharpened),
    ):
        arrays["weights"] = loop(name, arrays)
        np.testing.assert_allclose(after, arrays["weights"], atol=1e-5)
    np.testing.assert_allclose(stages.content, loop("content", arrays), atol=1e-5)
    assert {stage.shape for stage in stages} == {(BATCH, HEADS, SLOTS)}


focus = jax.jit(jax.nn.one_hot, static_argnums=1)
move = jax.jit(lambda weights, shifts: addressing.shift(weights[None], shifts[None])[0])


def test_a_shift_by_one_moves_the_focus_from_a_slot_to_the_next():
    back, stay, on = jnp.eye(3)
    for slot in range(5):
        at = focus(slot, 5)
        assert move(at, on).argmax() == (slot + 1) % 5
        assert move(at, stay).argmax() == slot
        assert move(at, back).argmax() == (slot - 1) % 5


def test_a_shift_wraps_around_both_ends():
    np.testing.assert_array_equal(move(focus(4, 5), jnp.array([0.0, 0.0, 1.0])), [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(move(focus(0, 5), jnp.array([1.0, 0.0, 0.0])), [0, 0, 0, 0, 1])


@given(seed=st.integers(0, 2**16), turn=st.integers(0, SLOTS - 1))
def test_a_shift_never_knows_where_the_tape_begins(seed, turn):
    arrays = case(seed)
    weights, shifts = of(arrays, "weights", "shifts")
    moved = shift_of(weights, shifts)
    np.testing.assert_allclose(
        shift_of(jnp.roll(weights, turn, -1), shifts), jnp.roll(moved, turn, -1), atol=1e-6
    )
    np.testing.assert_allclose(moved.sum(-1), 1, atol=1e-6)


shift_of = jax.jit(addressing.shift)


def test_a_shift_by_six_and_seven_tenths_is_three_tenths_six_and_seven_tenths_seven():
    shifts = addressing.shifts_from_scalar(jnp.array([6.7]), 8)
    expected = np.zeros(17)
    expected[[8 + 6, 8 + 7]] = 0.3, 0.7
    np.testing.assert_allclose(shifts[0], expected, atol=1e-6)
    moved = addressing.shift(focus(5, 20)[None], shifts)[0]
    np.testing.assert_allclose(moved[jnp.array([11, 12])], [0.3, 0.7], atol=1e-6)


@given(amount=st.floats(-9, 9, width=32))
def test_a_scalar_shift_is_always_a_distribution_around_its_amount(amount):
    shifts = scalar(jnp.array([amount]))
    assert np.all(shifts >= 0)
    assert np.count_nonzero(shifts) <= 2
    np.testing.assert_allclose(shifts.sum(), 1, atol=1e-5)
    center = shifts[0] @ np.arange(-4, 5)
    np.testing.assert_allclose(center, np.clip(amount, -4, 4), atol=1e-5)


scalar = jax.jit(lambda amount: addressing.shifts_from_scalar(amount, 4))


@pytest.mark.parametrize("amount", [0.0, 1.0, -2.0, 0.3, -1.6])
def test_a_scalar_shift_has_the_slope_of_one_slot_a_unit(amount):
    center = jax.grad(lambda amount: scalar(amount[None])[0] @ jnp.arange(-4.0, 5.0))
    np.testing.assert_allclose(center(jnp.float32(amount)), 1, atol=1e-6)


def test_shifts_from_scores_are_a_softmax():
    shifts = addressing.shifts_from_scores(jnp.log(jnp.array([[1.0, 2.0, 5.0]])))
    np.testing.assert_allclose(shifts, [[0.125, 0.25, 0.625]], rtol=1e-6)


@jax.jit
def whole(arrays):
    return addressing.address(
        arrays["memory"],
        arrays["previous"],
        **{name: arrays[name] for name in ("key", "strength", "gate", "shifts", "sharpening")},
    )


@given(
    seed=st.integers(0, 2**16),
    strength=st.sampled_from([0.0, 1.0, 1e4]),
    sharpening=st.sampled_from([1.0, 21.0, 1e4]),
    empty=st.booleans(),
)
def test_weights_stay_distributions_whatever_the_heads_say(seed, strength, sharpening, empty):
    arrays = case(seed)
    arrays["strength"][:] = strength
    arrays["sharpening"][:] = sharpening
    if empty:
        arrays["memory"][:] = 0
    for stage in whole(arrays):
        assert np.all(stage >= 0)
        np.testing.assert_allclose(stage.sum(-1), 1, atol=1e-5)


def test_content_likes_all_slots_of_an_empty_memory_equally():
    arrays = case()
    key, strength = of(arrays, "key", "strength")
    alike = jax.jit(addressing.content)(key, strength, np.zeros((BATCH, WORD, SLOTS), np.float32))
    np.testing.assert_allclose(alike, 1 / SLOTS, rtol=1e-6)


dtypes = pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])


@dtypes
@pytest.mark.parametrize("weights", ["even", "one slot"])
def test_gradients_are_never_infinite_at_the_extremes(weights, dtype):
    """A sharpening of 21 of even weights (a 0/0 for the plain power), an empty memory."""
    slots = 128
    rng = np.random.default_rng(0)
    previous = np.full((1, 1, slots), 1 / slots) if weights == "even" else np.eye(slots)[None, :1]

    def weighted(memory, previous, key, strength, gate, shifts, sharpening):
        stages = addressing.address(
            memory,
            previous,
            key=key,
            strength=strength,
            gate=gate,
            shifts=shifts,
            sharpening=sharpening,
        )
        read = addressing.read(stages.sharpened, memory).astype(jnp.float32)
        return (stages.sharpened @ jnp.arange(slots, dtype=jnp.float32)).sum() + read.sum()

    arguments = (
        np.zeros((1, WORD, slots)),
        previous,
        rng.normal(size=(1, 1, WORD)),
        np.full((1, 1), 3.0),
        np.zeros((1, 1)),
        np.array([[[0.0, 1.0, 0.0]]]),
        np.full((1, 1), 21.0),
    )
    arguments = [jnp.array(x, dtype) for x in arguments]
    gradients = jax.jit(jax.grad(weighted, tuple(range(7))))(*arguments)
    for gradient in gradients:
        assert np.all(np.isfinite(gradient.astype(jnp.float32)))


@every_stage
def test_bfloat16_never_strays_far_from_float32(name):
    arrays = case()
    half = {key: jnp.array(array, jnp.bfloat16) for key, array in arrays.items()}
    result = jax.jit(lambda arrays: run(name, arrays))(half)
    assert result.dtype == (jnp.float32 if name in ("content", "sharpen") else jnp.bfloat16)
    np.testing.assert_allclose(result.astype(jnp.float32), loop(name, arrays), atol=0.05)


def test_writing_keeps_the_memorys_type():
    arrays = case()
    memory, *heads = of(arrays, *WRITING)
    result = write(memory.astype(jnp.bfloat16), *heads)
    assert result.dtype == jnp.bfloat16
    np.testing.assert_allclose(result.astype(jnp.float32), write(memory, *heads), atol=0.05)


@every_stage
def test_jit_and_vmap_never_change_a_stage(name):
    arrays = {key: jnp.array(array) for key, array in case().items()}
    eager = run(name, arrays)
    np.testing.assert_allclose(jax.vmap(lambda arrays: run(name, arrays))(arrays), eager, atol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda arrays: run(name, arrays))(arrays), eager, atol=1e-6)

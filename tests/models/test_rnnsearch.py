"""RNNsearch against the paper's equations, and what it keeps in memory."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.models import rnnsearch
from attention_jax.models.rnnsearch import RNNsearch

HIDDEN = 4
MODEL = RNNsearch(9, 10, embedding=3, hidden=HIDDEN, alignment=5, maxout=6)
SOURCE = np.array([[3, 4, 5, 6], [7, 8, 0, 0]], np.int32)
MASK = SOURCE != 0
INPUTS = np.array([[1, 4, 9], [1, 5, 2]], np.int32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(p, x, h, extra=0.0):
    """Bahdanau 2015, §A.1.1, with our z for their 1 - z."""
    r, z, n = np.split(x @ p["input"]["kernel"] + p["input"]["bias"] + extra, 3)
    from_r, from_z = np.split(h @ p["recurrent"], 2)
    r, z = sigmoid(r + from_r), sigmoid(z + from_z)
    return z * h + (1 - z) * np.tanh(n + (r * h) @ p["candidate"])


def paper(p, source, inputs):
    """One sentence without padding: logits and alignment, word by word."""
    embedded = p["source_embedding"]["embedding"][source]
    forward, backward = [np.zeros(HIDDEN)], [np.zeros(HIDDEN)]
    for x in embedded:
        forward.append(gru(p["encoder"]["forward"], x, forward[-1]))
    for x in embedded[::-1]:
        backward.append(gru(p["encoder"]["backward"], x, backward[-1]))
    annotations = [np.concatenate(pair) for pair in zip(forward[1:], backward[:0:-1], strict=True)]
    state = np.tanh(backward[-1] @ p["first_state"]["kernel"] + p["first_state"]["bias"])
    score = p["decoder"]["attention"]["scorer"]
    logits, alignment = [], []
    for token in p["target_embedding"]["embedding"][inputs]:
        energies = [
            score["v"]
            @ np.tanh(
                state @ score["query_projection"]["kernel"] + h @ score["key_projection"]["kernel"]
            )
            for h in annotations
        ]
        weights = np.exp(energies) / np.exp(energies).sum()
        context = sum(w * h for w, h in zip(weights, annotations, strict=True))
        summed = (
            state @ p["readout"]["state"]["kernel"]
            + p["readout"]["state"]["bias"]
            + token @ p["readout"]["token"]["kernel"]
            + context @ p["readout"]["context"]["kernel"]
        )
        maxout = np.maximum(*np.split(summed, 2))
        logits.append(maxout @ p["logits"]["kernel"] + p["logits"]["bias"])
        alignment.append(weights)
        from_context = context @ p["decoder"]["context"]["kernel"]
        state = gru(p["decoder"]["cell"], token, state, from_context)
    return np.stack(logits), np.stack(alignment)


def test_the_model_never_differs_from_the_papers_equations(parameters):
    variables = parameters(MODEL, SOURCE, MASK, INPUTS)
    logits, weights = jax.jit(partial(MODEL.apply, weights=True))(variables, SOURCE, MASK, INPUTS)
    for row in range(2):
        length = MASK[row].sum()
        expected = paper(variables["params"], SOURCE[row, :length], INPUTS[row])
        np.testing.assert_allclose(logits[row], expected[0], atol=1e-4)
        np.testing.assert_allclose(weights["cross"][row, :, :length], expected[1], atol=1e-5)


def test_the_papers_initialisation_reaches_every_part(labels, monkeypatch):
    monkeypatch.setattr(rnnsearch, "BAHDANAU", labels)
    model = MODEL.clone(paper_init=True)
    parts = jax.jit(model.init)(jax.random.key(0), SOURCE, MASK, INPUTS)["params"]
    parts = jax.tree.map(lambda leaf: labels._fields[int(leaf.max())], parts)
    dense = {"kernel": "kernel", "bias": "bias"}
    cell = {"input": dense, "recurrent": "recurrent", "candidate": "recurrent"}
    score = {
        "query_projection": {"kernel": "alignment"},
        "key_projection": {"kernel": "alignment"},
        "v": "energy",
    }
    assert parts == {
        "source_embedding": {"embedding": "embedding"},
        "target_embedding": {"embedding": "embedding"},
        "encoder": {"forward": cell, "backward": cell},
        "first_state": dense,
        "decoder": {
            "attention": {"scorer": score},
            "cell": cell,
            "context": {"kernel": "kernel"},
        },
        "readout": {
            "state": dense,
            "token": {"kernel": "kernel"},
            "context": {"kernel": "kernel"},
        },
        "logits": dense,
    }


def test_an_unknown_cell_is_named():
    with pytest.raises(UserError, match="cell 'rnn' is unknown"):
        MODEL.clone(cell="rnn").init(
            jax.random.key(0), jnp.array(SOURCE), jnp.array(MASK), jnp.array(INPUTS)
        )


def memory(function, *arguments):
    analysis = jax.jit(function).lower(*arguments).compile().memory_analysis()
    return analysis.temp_size_in_bytes + analysis.output_size_in_bytes


def long_batch(source_time, target_time):
    source = jnp.full((2, source_time), 3)
    return source, source > 0, jnp.full((2, target_time), 3)


def test_without_weights_no_queries_by_keys_array_is_kept(parameters):
    variables = parameters(MODEL, SOURCE, MASK, INPUTS)
    arrays = long_batch(512, 512)
    queries_by_keys = 2 * 512 * 512 * 4
    assert memory(MODEL.apply, variables, *arrays) < queries_by_keys
    assert memory(partial(MODEL.apply, weights=True), variables, *arrays) > queries_by_keys


def test_training_memory_never_grows_with_queries_by_keys_by_features():
    model = MODEL.clone(alignment=64)
    arrays = long_batch(128, 128)
    variables = jax.eval_shape(model.init, jax.random.key(0), *arrays)
    gradient = jax.grad(lambda variables: model.apply(variables, *arrays)[0].sum())
    energies = 2 * 128 * 128 * 64 * 4
    assert memory(gradient, variables) < energies / 4

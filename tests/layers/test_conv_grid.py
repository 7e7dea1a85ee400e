"""The grid of annotations that convolutions leave of an image."""

import jax
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.conv_grid import ConvGrid, grid

STAGES = ((3, 4), (5,))
IMAGE = np.random.default_rng(0).normal(size=(1, 8, 12, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def annotate():
    """Images -> [batch, rows, columns, features] of one set of parameters."""
    model = ConvGrid(STAGES)
    shapes = jax.eval_shape(model.init, jax.random.key(0), IMAGE)
    rng = np.random.default_rng(1)
    variables = jax.tree.map(
        lambda leaf: rng.normal(scale=0.4, size=leaf.shape).astype(np.float32), shapes
    )
    apply = jax.jit(model.apply)
    return lambda images: (variables["params"], np.asarray(apply(variables, images)))


def convolved(x, part):
    """ReLU of a 3 x 3 convolution of one image, pixel by pixel."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    rows, columns = x.shape[:2]
    out = np.zeros((rows, columns, len(part["bias"])))
    for i in range(rows):
        for j in range(columns):
            window = padded[i : i + 3, j : j + 3]
            out[i, j] = np.tensordot(window, part["kernel"], 3) + part["bias"]
    return np.maximum(out, 0)


def test_an_annotation_never_differs_from_convolving_pixel_by_pixel(annotate):
    parts, annotations = annotate(IMAGE)
    x = convolved(convolved(IMAGE[0], parts["Conv_0"]), parts["Conv_1"])
    x = x.reshape(4, 2, 6, 2, -1).max((1, 3))
    x = convolved(x, parts["Conv_2"])
    np.testing.assert_allclose(annotations[0, :, :5], x.reshape(24, 5), atol=1e-4)


def test_an_annotation_ends_with_where_its_cell_lies(annotate):
    _, annotations = annotate(IMAGE)
    where = annotations[0, :, 5:].reshape(4, 6, 2)
    np.testing.assert_allclose(where[:, 0, 0], [-0.75, -0.25, 0.25, 0.75], atol=1e-6)
    np.testing.assert_allclose(where[0, :, 1], np.array([-5, -3, -1, 1, 3, 5]) / 6, atol=1e-6)
    bare = ConvGrid(STAGES, coordinates=False).init_with_output
    assert jax.eval_shape(bare, jax.random.key(0), IMAGE)[0].shape == (1, 24, 5)


def test_images_that_the_cells_would_not_cover_are_refused():
    assert grid(40, 20, ((1,), (1,), (1,))) == (10, 5)
    with pytest.raises(UserError, match="8 x 10 pixels, but 3 stages make cells of 4 x 4"):
        grid(8, 10, ((1,), (1,), (1,)))

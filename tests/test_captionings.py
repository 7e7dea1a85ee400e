"""The captioning experiment as a user meets it: its variants and its mistakes."""

import jax
import numpy as np
import pytest

from attention_jax import experiment
from attention_jax.experiment import Folders
from attention_jax.tasks.protocol import Across

NAME = "captioning/show_attend_tell"


def built(arg, **overrides):
    return experiment.load(f"{NAME}{arg}", overrides)


@pytest.mark.parametrize("kind", ["soft", "hard", "none"])
def test_every_kind_of_attention_is_a_model_that_can_be_trained(kind):
    made = built("" if kind == "soft" else f":{kind}")
    assert made.task.model.attention == kind
    state = jax.eval_shape(made.task.init, jax.random.key(0), made.task.example())
    assert set(state.task_state) == ({"baseline"} if kind == "hard" else set())
    batch = made.data.train()[0]
    keyed = jax.eval_shape(lambda: jax.random.key(0))
    updated, metrics = jax.eval_shape(
        lambda state, batch, key: made.task.update(state, batch, key, Across()), state, batch, keyed
    )
    assert jax.tree.structure(updated) == jax.tree.structure(state)
    assert {"loss", "cross_entropy", "gradient_norm"} == set(metrics)


def test_features_take_the_place_of_images(tmp_path):
    names = [f"{n}.png" for n in range(40)]
    lines = [f"{name}\t{said}.\n" for name in names for said in ("A dog runs", "The dogs")]
    (tmp_path / "captions.tsv").write_text("".join(lines))
    shape, file = (3, 4, 5), tmp_path / "features.npz"
    np.savez(file, **{name: np.full(shape, n, np.float32) for n, name in enumerate(names)})
    values = {"data.min_count": 1, "data.features": str(file), "model.hidden": 8}
    folders = Folders(data_dir=tmp_path, manual_dir=tmp_path)
    made = experiment.load(f"{NAME}:folder", values, folders)
    assert made.task.model.stages == ()
    state = jax.eval_shape(made.task.init, jax.random.key(0), made.task.example())
    found = jax.eval_shape(made.task.predict, state, made.data.split("test")[0])
    assert found["maps"].shape[-1] == 12
    assert "images" not in found


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (":hard,none", "hard and none exclude one another"),
        (":nlvr,folder", "nlvr and folder exclude one another"),
        (":soft", "does not know the argument 'soft'"),
        (":smoke --config.model.attention=sharp", "attention 'sharp' is unknown"),
        (":smoke --config.decode.beams=0", "decode.beams is 0"),
        (
            ":smoke --config.model.stages=((2,),(2,),(2,),(2,),(2,))",
            "resize the images to multiples",
        ),
    ],
)
def test_an_experiment_that_cannot_be_is_one_sentence(arguments, sentence, says, tmp_path):
    arg, *rest = arguments.split()
    assert sentence in says("train", f"--config={NAME}{arg}", *rest, f"--workdir={tmp_path}")
    assert not list(tmp_path.iterdir())

"""The few-shot experiments as a user meets them: arguments, mistakes, images of their own."""

import json

import jax
import numpy as np
import pytest
from PIL import Image

from attention_jax import experiment
from attention_jax.cli import main

SMOKE = "--config=meta_learning/glyphs:smoke"


@pytest.fixture(scope="module")
def learned(data_dir, tmp_path_factory):
    """The folders of a finished smoke run, as arguments."""
    folders = [f"--workdir={tmp_path_factory.mktemp('learned')}", f"--data_dir={data_dir}"]
    assert main(["train", SMOKE, *folders]) == 0
    return folders


VARIANTS = {
    "glyphs": ("SNAIL", 5, {"attention", "convolutions"}),
    "glyphs:lstm,shots=2": ("LSTMMetaLearner", 5, set()),
    "omniglot:paper,ways=20,prototypical": ("PrototypicalNetwork", 20, set()),
    "omniglot:paper,tc_only": ("SNAIL", 5, {"convolutions"}),
    "omniglot:attention_only,shots=1": ("SNAIL", 5, {"attention"}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_model_that_can_be_and_reads_no_data_before_it_trains(name, tmp_path):
    built = experiment.load(f"meta_learning/{name}", folders=experiment.Folders(data_dir=tmp_path))
    state = jax.eval_shape(built.task.init, jax.random.key(0), built.task.example())
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) > 1000
    model, (kind, ways, blocks) = built.task.model, VARIANTS[name]
    assert (type(model).__name__, model.ways) == (kind, ways)
    assert {b for b in ("attention", "convolutions") if getattr(model, b, False)} == blocks
    assert model.filters == (64 if "paper" in name else built.config.model.filters)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arg", "sentence"),
    [
        (",ways=few", "ways=few is no number: write ways=5"),
        (",lstm,tc_only", "lstm and tc_only are different systems: give one"),
        (" --config.system=lstm", "give the system as the experiment's argument, such as :lstm"),
        (" --config.system=maml", "'maml': choose snail, prototypical, lstm"),
        (",tc_only --config.model.convolutions=False", "never sees an example"),
        (" --config.data.name=imagenet", "choose glyphs, omniglot or folders"),
        (" --config.data.shots=4", "was built for 3 ways x 1 shots: raise config.model.shots"),
    ],
)
def test_an_experiment_that_cannot_be_is_one_sentence(arg, sentence, says, tmp_path):
    assert sentence in says("train", *f"{SMOKE}{arg}".split(), f"--workdir={tmp_path}")
    assert not list(tmp_path.iterdir())


def test_images_of_ones_own_are_named_after_their_folders(learned, tmp_path, capsys, says):
    shapes = {"bar": np.s_[2:26, 12:16], "block": np.s_[4:24, 4:24], "line": np.s_[12:16, 2:26]}
    for name, ink in shapes.items():
        paper = np.full((28, 28), 255, np.uint8)
        paper[ink] = 0
        for folder in (tmp_path / "support" / name, tmp_path / "queries"):
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(paper).save(folder / f"{name}.png")
    pictures = tmp_path / "pictures"
    arguments = [*learned, "--json", f"--pictures={pictures}", str(tmp_path), "0"]
    assert main(["predict", *arguments]) == 0
    own, again = map(json.loads, capsys.readouterr().out.splitlines())
    assert own["input"] == {"classes": ["bar", "block", "line"], "shots": 1}
    assert len(own["prediction"]) == 3
    assert "reference" not in own
    assert 0 <= again["accuracy"] <= 1
    drawn = {path.stem for path in pictures.iterdir()}
    assert drawn == {"input_episodes", "input_reading_0", "input_reading_1"}
    (tmp_path / "support" / "line" / "line.png").unlink()
    assert "have 0 to 1 images" in says("predict", *learned, tmp_path)


def test_the_nearest_image_is_measured_on_the_same_episodes(learned, data_dir, capsys):
    split = ["--split=test_1shot", "--json"]
    assert main(["evaluate", *learned, *split]) == 0
    of_model = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert of_model["accuracy/3way_1shot"] == pytest.approx(of_model["accuracy"])
    arguments = [SMOKE, "--baseline=nearest", f"--data_dir={data_dir}"]
    assert main(["evaluate", *arguments, *split]) == 0
    nearest = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(nearest) == {name for name in of_model if name.startswith("accuracy")}
    assert 0 < nearest["accuracy"] <= 1


def test_the_report_shows_attention_and_accuracy(learned, tmp_path):
    workdir = learned[0].removeprefix("--workdir=")
    arguments = ["report", workdir, "--split=validation", f"--output={tmp_path}/page.html"]
    assert main(arguments) == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "accuracy, 3way 1shot" in page
    assert 'id="maps"' in page

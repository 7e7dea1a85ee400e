"""The pointing experiments as a user meets them: arguments, mistakes, files of points."""

import json

import jax
import pytest

from attention_jax import experiment
from attention_jax.cli import main

NAMES = ["sorting", "convex_hull", "delaunay", "tsp"]
SMOKE = "--config=pointing/tsp:smoke"
TSPLIB = """NAME: five
TYPE: TSP
EDGE_WEIGHT_TYPE: EUC_2D
NODE_COORD_SECTION
1 0 0
2 90 0
3 90 90
4 0 90
5 40 50
EOF
"""


@pytest.fixture(scope="module")
def toured(data_dir, tmp_path_factory):
    """The folders of a finished smoke run, as arguments."""
    folders = [f"--workdir={tmp_path_factory.mktemp('toured')}", f"--data_dir={data_dir}"]
    assert main(["train", SMOKE, *folders]) == 0
    return folders


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arg", ["", "paper", "lstm", "points=5-12,paper,attention"])
def test_every_variant_is_a_model_that_can_be(name, arg, tmp_path):
    folders = experiment.Folders(data_dir=tmp_path)
    built = experiment.load(f"pointing/{name}:{arg}", folders=folders)
    state = jax.eval_shape(built.task.init, jax.random.key(0), built.task.example())
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) > 1000
    control = "lstm" in arg or "attention" in arg
    assert type(built.task.model).__name__ == ("FixedVocabulary" if control else "PointerNetwork")
    assert built.config.model.hidden == (256 if "paper" in arg else 128)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arg", "sentence"),
    [
        (",points=few", "points=few is no size of a set: write points=10 or points=5-50"),
        (",lstm,attention", "lstm and attention are two controls: give one"),
        (" --config.problem.min_points=2", "config.problem.min_points is 2"),
        (" --config.decode.beams=0", "config.decode.beams is 0"),
    ],
)
def test_an_experiment_that_cannot_be_is_one_sentence(arg, sentence, says, tmp_path):
    assert sentence in says("train", *f"{SMOKE}{arg}".split(), f"--workdir={tmp_path}")
    assert not list(tmp_path.iterdir())


def test_many_cities_without_a_solver_are_one_sentence(says, data_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvrp", None)
    sizes = ["--config.problem.max_points=13", "--config.data.buckets=(13,)"]
    folders = [f"--workdir={tmp_path}", f"--data_dir={data_dir}"]
    assert "pip install attention-jax[tsp]" in says("train", SMOKE, *sizes, *folders)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[[0, 0], [1, 1]]", "input 1 has too few points, 2: give 3 or more"),
        ("[[0, 0], [1, 1], [0, 0]]", "points 1 and 3 of input 1 are the same"),
        ("[[0, 0], [1, 1], [0, 1]", "input 1 is no JSON"),
    ],
)
def test_points_that_cannot_be_used_are_one_sentence(line, sentence, says, toured):
    assert sentence in says("predict", *toured, line)


def test_files_of_points_are_answered_and_tsplibs_measured(toured, tmp_path, capsys):
    (tmp_path / "five.tsp").write_text(TSPLIB)
    (tmp_path / "five.csv").write_text("x,y\n0,0\n90,0\n90,90\n0,90\n40,50\n")
    said = []
    for name in ("five.tsp", "five.csv"):
        arguments = [*toured, f"--input={tmp_path}/{name}", "--config.decode.beams=3", "--json"]
        assert main(["predict", *arguments]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]
    assert sorted(said[0]["prediction"]) == list(range(5))
    arguments = [*toured, "--split=tsplib", f"--manual_dir={tmp_path}", "--json"]
    assert main(["evaluate", *arguments, "--config.decode.beams=3"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics["validity/five"] == 1
    assert metrics["tour_length/five"] == pytest.approx(said[0]["tour_length"])
    assert metrics["gap/five"] == pytest.approx(metrics["gap"])
    assert metrics["gap"] >= 0


def test_a_split_of_another_size_can_be_evaluated(toured, capsys):
    assert main(["evaluate", *toured, "--split=test_8", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics["validity"] == 1
    assert metrics["gap"] == pytest.approx(
        metrics["tour_length"] / metrics["tour_length/optimal"] - 1
    )

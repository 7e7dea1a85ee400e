"""Alignment error rate of two models, one a direction, alone and together (Och and Ney 2003).

    attention-jax train --config=translation/luong:tatoeba --workdir=FORWARD --manual_dir=DATA
    attention-jax train --config=translation/luong:tatoeba,source=es,target=en --workdir=BACKWARD \
      --manual_dir=DATA
    python benchmarks/alignment.py FORWARD BACKWARD --manual_dir=DATA
    python benchmarks/alignment.py FORWARD BACKWARD --manual_dir=DATA --record=xlwa_symmetrised

Each model reads the reference of every pair of the split (forced decoding) and links each word of
it to the word that it attended to most. `aer/forward` and `aer/backward` are theirs alone, the
others those of `tasks.symmetrise`. `aer_posterior/...` are the same with the attention after the
word, where both models' configs ask for that (`decode.posterior`).
"""

import argparse
import json
import shlex
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import attention_jax
from attention_jax import results, trained
from attention_jax.benchmark import tell
from attention_jax.data.examples import Links
from attention_jax.data.vocabulary import BOS, PAD
from attention_jax.errors import UserError
from attention_jax.experiment import config_hash
from attention_jax.loaded import Loaded
from attention_jax.tasks.symmetrise import WAYS
from attention_jax.tasks.translation_metrics import alignment_error_rate, links_from_weights


def forced_links(loaded: Loaded, split: str) -> dict[str, list[Links]]:
    """Metric -> links (source word, target word) of the references as the model reads them."""
    data = loaded.experiment.data
    examples = data.examples(split)
    tokenizers = data.source_tokenizer, data.target_tokenizer

    @jax.jit
    def read(source, target):
        inputs = jnp.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=BOS)
        variables = {"params": loaded.params}
        pairs = source, source != PAD, inputs
        _, looked = loaded.model.apply(variables, *pairs, weights=True)
        weights = {"aer": looked["cross"]}
        if loaded.config.decode.posterior:
            after = loaded.model.apply(variables, *pairs, target, method="posterior")
            weights["aer_posterior"] = after
        return weights

    found: dict[str, dict[int, Links]] = {}
    for batch in data.split(split):
        weights = jax.device_get(read(batch["source"], batch["target"]))
        for place in np.flatnonzero(batch["mask"]):
            n = int(batch["index"][place])
            texts = examples.sources[n], examples.targets[n]
            numbers = [t.word_of(t.encode(text)) for t, text in zip(tokenizers, texts, strict=True)]
            for metric, one in weights.items():
                found.setdefault(metric, {})[n] = links_from_weights(one[place], *numbers)
    if any(sorted(links) != list(range(len(examples.sources))) for links in found.values()):
        raise UserError(f"{loaded.workdir} leaves out pairs of {split}: raise decode.max_source")
    return {metric: [links[n] for n in sorted(links)] for metric, links in found.items()}


def measure(forward: Loaded, backward: Loaded, split: str) -> dict[str, float]:
    """Alignment error rates, all against the forward direction's gold links."""
    gold = forward.experiment.data.examples(split).links
    if gold is None:
        raise UserError(f"the split {split} has no gold alignments: give another --split")
    ours, theirs = forced_links(forward, split), forced_links(backward, split)
    metrics = {}
    for metric in [name for name in ours if name in theirs]:
        turned = [{(j, i) for i, j in links} for links in theirs[metric]]
        pairs = list(zip(ours[metric], turned, strict=True))
        found = {"forward": [one for one, _ in pairs], "backward": [other for _, other in pairs]}
        found |= {name: [way(*pair) for pair in pairs] for name, way in WAYS.items()}
        for name, links in found.items():
            metrics[f"{metric}/{name}"] = alignment_error_rate(links, gold)
    return metrics


def main() -> None:
    """Measures, prints the record, and keeps it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("forward", type=Path)
    parser.add_argument("backward", type=Path)
    parser.add_argument("--split", default="xlwa_dev")
    parser.add_argument("--data_dir", type=Path)
    parser.add_argument("--manual_dir", type=Path)
    parser.add_argument("--record", metavar="NAME", default="")
    options = parser.parse_args()
    began = time.monotonic()
    folders = {"data_dir": options.data_dir, "manual_dir": options.manual_dir}
    models = [attention_jax.load(path, **folders) for path in (options.forward, options.backward)]
    metrics = measure(*models, options.split)
    name = options.record or "alignment"
    seconds = time.monotonic() - began
    record = results.make_record(
        Path(),
        name,
        _commands(models, options.split, name),
        metrics,
        config_hash=config_hash(models[0].config),
        seeds=[model.config.seed for model in models],
        data={" ".join(_direction(m)): m.experiment.data.hash() for m in models},
        seconds=seconds + sum(trained.progress(model.workdir).seconds for model in models),
    )
    tell(record, keep=options.record)


def _direction(model: Loaded) -> tuple[str, str]:
    data = model.config.data
    return data.name, f"{data.source}-{data.target}"


def _commands(models: list[Loaded], split: str, name: str) -> list[str]:
    """The trainings and this script, with names for the folders."""
    commands = []
    for model, folder in zip(models, ("FORWARD", "BACKWARD"), strict=True):
        stored = json.loads((model.workdir / "config.json").read_text(encoding="utf-8"))
        spec = f"{stored['experiment']}:{stored['arg']}" if stored["arg"] else stored["experiment"]
        words = ["attention-jax", "train", f"--config={spec}", f"--workdir={folder}"]
        commands.append(shlex.join([*words, *stored["overrides"], "--manual_dir=DATA"]))
    script = ["python", "benchmarks/alignment.py", "FORWARD", "BACKWARD", f"--split={split}"]
    return [*commands, shlex.join([*script, "--manual_dir=DATA", f"--record={name}"])]


if __name__ == "__main__":
    main()

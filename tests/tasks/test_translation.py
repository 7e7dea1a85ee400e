"""The task around a model: what it decodes, scores, draws and puts together."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from attention_jax import translations
from attention_jax.data.tokenizers import EOS, PAD, UNK
from attention_jax.data.translation import INPUT, Examples, TranslationData
from attention_jax.errors import UserError
from attention_jax.models.britz import Britz
from attention_jax.models.luong import Luong
from attention_jax.models.rnnsearch import RNNsearch
from attention_jax.models.seq2seq import Seq2Seq
from attention_jax.tasks.protocol import Across
from attention_jax.tasks.translation import Translation

SOURCES = ["the red house", "a blue house", "the cat", "a red cat sat"]
TARGETS = ["la maison rouge", "une maison bleue", "le chat", "un chat rouge assis"]


class Pairs:
    splits = ("validation",)

    def examples(self, split):
        return Examples(SOURCES, TARGETS)

    def hash(self):
        return "pairs"


class Headed(nn.Module):
    """RNNsearch that claims two layers of three heads, and a centre where it looks most."""

    reader: nn.Module

    def __call__(self, source, source_mask, inputs, *, train=False, weights=False):
        logits, found = self.reader(source, source_mask, inputs, train=train, weights=weights)
        if weights:
            time, source_time = inputs.shape[1], source.shape[1]

            def heads(queries, keys):
                return jnp.ones((len(source), 2, 3, queries, keys)) / keys

            found = found | {
                "center": found["cross"].argmax(-1) + 0.126,
                "cross_heads": heads(time, source_time),
                "encoder": heads(source_time, source_time),
                "decoder": heads(time, time),
            }
        return logits, found

    def encode(self, source, source_mask, *, train=False):
        return self.reader.encode(source, source_mask, train=train)

    def start(self, source_memory, beams=1, max_length=0):
        return self.reader.start(source_memory, beams, max_length)

    def step(self, source_memory, carry, token, time, *, weights=False):
        carry, log_probs, found = self.reader.step(
            source_memory, carry, token, time, weights=weights
        )
        return carry, log_probs, found | {"center": found["cross"].argmax(-1) + 0.126}


Unseeing = functools.partial(Britz, attention="none_state")
Hard = functools.partial(Luong, kind="hard")


class Drawing(nn.Module):
    """Scores that are nothing but what was drawn for each example."""

    vocab: int
    samples = True

    @nn.compact
    def __call__(self, source, source_mask, inputs, *, train=False, weights=False, draws=None):
        logits = self.param("bias", nn.initializers.zeros, (self.vocab,))
        if draws is not None:
            logits = logits + jax.vmap(lambda key: jax.random.normal(key, (self.vocab,)))(draws)
        else:
            assert not train
            logits = jnp.broadcast_to(logits, (len(source), self.vocab))
        return jnp.repeat(logits[:, None], inputs.shape[1], axis=1), {}


@functools.cache
def first_state(model, wrap, hidden, seed):
    """Made once for each model: what it is to decode changes no parameter."""
    task, _ = make(model, wrap, hidden, seed, begin=False)
    return jax.jit(task.init)(jax.random.key(seed), task.example())


def make(model=RNNsearch, wrap=None, hidden=8, seed=3, dictionary=str, begin=True, **decode):
    """A task of a tiny model and its first state."""
    config = translations.default_config()
    config.update(batch_size=4, seed=seed)
    config.data.buckets = (8,)
    config.loss.label_smoothing = 0.1
    config.decode.update(max_length=10, **decode)
    data = TranslationData(Pairs(), config)
    sizes = {"embedding": hidden, "hidden": hidden}
    if model is RNNsearch:
        sizes |= {"alignment": hidden, "maxout": hidden}
    elif model is Seq2Seq:
        sizes |= {"layers": 1}
    network = model(data.source_tokenizer.size, data.target_tokenizer.size, **sizes)
    network = wrap(network) if wrap else network
    task = Translation(network, data, config, optax.sgd(0.1), dictionary)
    return task, first_state(model, wrap, hidden, seed) if begin else None


def predicted(task, state, batch):
    return jax.device_get(jax.jit(task.predict)(state, batch))


def outputs_of(task, state, lines, targets=None, closely=False):
    """As `Predictor` gives them, of one batch."""
    data = task.sentences
    (batch,) = data.inputs(lines) if targets is None else data.given(lines, targets)
    output = {"index": batch["index"], **predicted(task, state, batch)}
    if closely:
        output |= jax.device_get(jax.jit(task.examine)(state, batch, output))
    return [output]


class TestForced:
    """Targets that are given."""

    def test_the_score_is_minus_the_unsmoothed_training_loss(self):
        task, state = make()
        (batch,) = task.sentences.given(SOURCES, TARGETS)
        scores = predicted(task, state, batch)["scores"][:, 0]
        measure = jax.jit(task.measure)
        for row in range(len(SOURCES)):
            one = {
                "source": batch["source"][row : row + 1],
                "target": batch["given"][row : row + 1],
            }
            loss, _ = measure(state, one)["cross_entropy"]
            np.testing.assert_allclose(scores[row], -loss, rtol=1e-5)

    def test_what_a_search_found_has_the_score_that_the_search_gave_it(self):
        task, state = make(beams=4, n_best=2)
        (batch,) = task.sentences.inputs(SOURCES)
        found = predicted(task, state, batch)
        for rank in range(2):
            given = {**batch, "given": found["tokens"][:, rank]}
            forced = predicted(task, state, given)
            np.testing.assert_allclose(forced["scores"][:, 0], found["scores"][:, rank], rtol=1e-5)
            real = (found["tokens"][:, rank] != PAD)[..., None]
            np.testing.assert_allclose(
                forced["cross"][:, 0] * real, found["cross"][:, rank], atol=1e-6
            )

    def test_the_record_holds_the_given_text_its_score_and_its_alignment(self):
        task, state = make()
        outputs = outputs_of(task, state, ["the  red house"], ["la maison  Zork"])
        (record,) = task.describe(INPUT, outputs)
        assert record["source"] == "the red house"
        assert record["prediction"] == "la maison Zork"
        assert record["score_per_token"] == pytest.approx(record["score"] / 4)
        assert record["unknown_target"] == ["Zork"]
        assert {link.split("-")[1] for link in record["alignment"].split()} == {"0", "1", "2"}
        assert "reference" not in record
        assert [one.kind for one in task.maps(INPUT, outputs)] == ["given"]

    def test_after_the_word_they_are_aligned_by_what_it_came_from(self):
        task, state = make(posterior=True)
        (batch,) = task.sentences.given(SOURCES, TARGETS)
        found = predicted(task, state, batch)
        plain = predicted(make()[0], state, batch)
        np.testing.assert_array_equal(found["scores"], plain["scores"])
        assert np.abs(found["cross"] - plain["cross"]).max() > 1e-3
        # As the gold alignments' sentences are read.
        (pairs,) = task.sentences.split("validation")
        both = predicted(task, state, pairs)
        order = np.argsort(pairs["index"])
        np.testing.assert_allclose(both["posterior"][order], found["cross"][:, 0], atol=1e-6)
        np.testing.assert_allclose(both["forced"][order], plain["cross"][:, 0], atol=1e-6)

    def test_an_error_rate_is_told_of_both_alignments(self):
        task, state = make(posterior=True)
        data = task.sentences
        examples = data.examples("validation")
        data._examples["validation"] = dataclasses.replace(examples, links=[{(0, 0)}] * 4)
        (batch,) = data.split("validation")
        output = {"index": batch["index"], **predicted(task, state, batch)}
        first = np.zeros_like(output["posterior"])
        first[..., 0] = 1
        second = np.roll(first, 1, axis=-1)
        metrics = task.score("validation", [{**output, "posterior": first, "forced": second}])
        assert metrics["aer_posterior"] < metrics["aer"] == 1
        *_, after = task.maps("validation", [output])
        assert after.kind == "reference, after the word"
        assert after.weights.sum() == pytest.approx(len(after.queries), abs=1e-3)

    def test_an_ensemble_with_a_member_that_does_not_know_it_is_refused(self):
        task, state = make(posterior=True)
        other, _ = make(Seq2Seq)
        with pytest.raises(UserError, match=r"all members of an ensemble\): set it to False"):
            task.ensemble_with([other], [state, state])

    @pytest.mark.parametrize(
        ("targets", "sentence"),
        [
            (["un"], "there are 2 inputs and 1 targets"),
            (["un", " "], "target 2 is empty"),
            (["un", "un " * 300], "target 2 has 300 tokens and the limit is 256"),
        ],
    )
    def test_targets_that_do_not_fit_are_refused(self, targets, sentence):
        task, _ = make()
        with pytest.raises(UserError, match=sentence):
            task.sentences.given(SOURCES[:2], targets)


class TestDecoding:
    """What `config.decode` asks for."""

    def test_a_draw_depends_on_seed_and_index_and_never_on_the_batch(self):
        task, state = make(sample=True, n_best=2)
        (batch,) = task.sentences.inputs(SOURCES)
        found = predicted(task, state, batch)
        assert found["tokens"].shape == (4, 2, 10)
        assert len({tuple(tokens) for row in found["tokens"] for tokens in row}) > 4
        for row in (0, 3):
            alone = predicted(task, state, {k: v[row : row + 1] for k, v in batch.items()})
            np.testing.assert_array_equal(alone["tokens"][0], found["tokens"][row])
        moved = predicted(task, state, {**batch, "index": batch["index"] + 10})
        assert (moved["tokens"] != found["tokens"]).any()

    @pytest.mark.parametrize("how", [{}, {"beams": 3}, {"sample": True}])
    def test_lengths_are_kept(self, how):
        task, state = make(min_length=5, extra_length=2, **how)
        (batch,) = task.sentences.inputs(SOURCES)
        tokens = predicted(task, state, batch)["tokens"][:, 0]
        lengths = (tokens != PAD).sum(-1)
        most = np.maximum((batch["source"] != PAD).sum(-1) + 2, 5)
        assert (lengths >= 5).all()
        assert (lengths <= most).all()
        # A limit ends a translation, it does not cut it off.
        assert (tokens == EOS).sum(-1).tolist() == [1] * 4

    def test_a_coverage_penalty_counts_what_was_not_looked_at(self):
        task, state = make(beams=4, coverage_penalty=2.0)
        (batch,) = task.sentences.inputs(SOURCES)
        found = predicted(task, state, batch)
        log_probs = predicted(task, state, {**batch, "given": found["tokens"][:, 0]})["scores"]
        looked = np.log(np.clip(found["cross"][:, 0].sum(1), 1e-6, 1))
        penalty = 2.0 * (looked * (batch["source"] != PAD)).sum(-1)
        assert (penalty < 0).all()
        np.testing.assert_allclose(found["scores"][:, 0], log_probs[:, 0] + penalty, rtol=1e-5)

    def test_a_model_without_attention_never_covers_or_copies(self):
        for asked in ({"coverage_penalty": 0.2, "beams": 2}, {"unknown": "copy"}):
            with pytest.raises(UserError, match="this model has none"):
                make(Seq2Seq, **asked)

    @pytest.mark.parametrize(
        ("model", "wrap"), [(Seq2Seq, None), (RNNsearch, Headed), (Unseeing, None), (Hard, None)]
    )
    def test_a_model_without_one_attention_is_never_asked_after_the_word(self, model, wrap):
        with pytest.raises(UserError, match="posterior is on, which needs a single soft attention"):
            make(model, wrap, posterior=True)


class TestUnknown:
    """Unknown words in the output, made up here."""

    def record(self, **asked):
        task, _ = make(dictionary={"cat": "chat", "Zork": "Zork"}.get, **asked)
        list(task.sentences.inputs(["the cat Zork"]))
        cross = np.zeros((1, 2, 4, 5), np.float32)
        cross[0, 0, range(4), [0, 1, 2, 3]] = cross[0, 1, range(4), [0, 2, 2, 3]] = 1
        (known,) = task.sentences.target_tokenizer.encode("le")
        tokens = np.array([[[known, UNK, UNK, EOS], [known, UNK, EOS, PAD]]])
        scores = np.array([[-1.0, -2.0]])
        outputs = [{"index": np.array([0]), "tokens": tokens, "scores": scores, "cross": cross}]
        return task.describe(INPUT, outputs)[0]

    def test_nothing_is_replaced_unless_asked_for(self):
        assert self.record()["prediction"] == "le <unk> <unk>"

    def test_the_attended_word_is_copied_in_every_hypothesis(self):
        record = self.record(unknown="copy")
        assert record["prediction"] == "le cat Zork"
        assert [text for text, _ in record["n_best"]] == ["le cat Zork", "le Zork"]

    def test_or_translated(self):
        assert self.record(unknown="dictionary")["prediction"] == "le chat Zork"


@pytest.fixture(scope="module")
def headed():
    return make(wrap=Headed)


class TestHeads:
    """Every layer and head, of what a user gives."""

    def test_every_head_has_its_map_and_keeps_its_labels(self, headed):
        task, state = headed
        outputs = outputs_of(task, state, SOURCES[:1], closely=True)
        first, *rest = task.maps(INPUT, outputs)
        assert first.kind == "prediction"
        assert [one.kind for one in rest[:2]] == ["cross layer 1 head 1", "cross layer 1 head 2"]
        assert rest[-1].kind == "decoder layer 2 head 3"
        assert len(rest) == 3 * 2 * 3
        by_kind = {one.kind: one for one in rest}
        encoder, decoder = by_kind["encoder layer 2 head 1"], by_kind["decoder layer 1 head 1"]
        assert encoder.queries == encoder.keys == ["the", "red", "house", "</s>"]
        assert encoder.names == ("source", "source")
        assert decoder.queries == first.queries
        assert decoder.keys == ["<s>", *first.queries[: len(decoder.queries) - 1]]
        for one in rest:
            assert one.weights.shape == (len(one.queries), len(one.keys))

    def test_given_targets_have_them_too(self, headed):
        task, state = headed
        outputs = outputs_of(task, state, SOURCES[:1], TARGETS[:1], closely=True)
        assert [one.kind for one in task.maps(INPUT, outputs)][:2] == [
            "given",
            "cross layer 1 head 1",
        ]

    def test_they_are_drawn_a_page_a_kind(self, headed):
        task, state = headed
        outputs = outputs_of(task, state, SOURCES[:1], closely=True)
        drawn = task.pictures(INPUT, outputs, {})
        kinds = ["cross_heads_0", "encoder_heads_0", "decoder_heads_0"]
        assert list(drawn) == ["alignment_0", *kinds]

    def test_a_whole_split_never_holds_them(self, headed):
        task, state = headed
        (batch,) = task.sentences.split("validation")
        assert {"tokens", "scores", "cross", "center", "forced"} == set(
            predicted(task, state, batch)
        )

    def test_the_centres_of_local_attention_are_told_of_a_users_input_only(self, headed):
        task, state = headed
        outputs = outputs_of(task, state, SOURCES[:1])
        (record,) = task.describe(INPUT, outputs)
        cross = outputs[0]["cross"][0, 0]
        said = min((outputs[0]["tokens"][0, 0] != PAD).sum(), len(cross))
        assert record["centers"] == [round(i + 0.126, 2) for i in cross[:said].argmax(-1).tolist()]
        (batch,) = task.sentences.split("validation")
        of_split = {"index": batch["index"], **predicted(task, state, batch)}
        assert "centers" not in task.describe("validation", [of_split])[0]

    def test_a_model_with_one_attention_has_nothing_more_to_show(self):
        task, state = make()
        outputs = outputs_of(task, state, SOURCES[:1], closely=True)
        assert len(task.maps(INPUT, outputs)) == 1


class TestEnsemble:
    """Models that vote."""

    def test_a_model_beside_itself_says_what_it_says_alone(self):
        task, state = make(beams=3)
        both, states = task.ensemble_with([task], [state, state])
        (batch,) = task.sentences.split("validation")
        alone, together = predicted(task, state, batch), predicted(both, states, batch)
        np.testing.assert_array_equal(together["tokens"], alone["tokens"])
        for name in ("scores", "cross", "forced"):
            np.testing.assert_allclose(together[name], alone[name], atol=1e-5)

    def test_models_of_other_kinds_and_sizes_can_vote(self):
        task, state = make()
        other, theirs = make(Seq2Seq, hidden=4)
        both, states = task.ensemble_with([other], [state, theirs])
        (batch,) = task.sentences.split("validation")
        assert "cross" not in predicted(both, states, batch)
        losses = [
            jax.jit(one.measure)(its, batch)["cross_entropy"][0]
            for one, its in ((task, state), (other, theirs), (both, states))
        ]
        # The mean of probabilities is at least their geometric mean.
        assert losses[2] <= (losses[0] + losses[1]) / 2 + 1e-4

    def test_other_vocabularies_are_refused(self):
        task, state = make()
        other, theirs = make()
        other.sentences.target_tokenizer = other.sentences.source_tokenizer
        with pytest.raises(UserError, match="model 2 of the ensemble has another target vocab"):
            task.ensemble_with([other], [state, theirs])


def test_hard_attention_draws_by_example_and_never_by_batch():
    task, _ = make()
    drawing = Drawing(task.sentences.target_tokenizer.size)
    task = Translation(drawing, task.sentences, task._config, optax.sgd(0.1))
    state = task.init(jax.random.key(0), task.example())
    (batch,) = task.sentences.split("validation")

    def loss(rows, key=0):
        some = {name: values[rows] for name, values in batch.items()}
        return task.loss(state.params, state, some, jax.random.key(key), Across())[0]

    total = loss(slice(None))
    np.testing.assert_allclose(total, sum(loss([n]) for n in range(4)), rtol=1e-5)
    assert abs(total - loss(slice(None), key=1)) > 1e-3
    assert task.measure(state, batch)["loss"][0] > 0

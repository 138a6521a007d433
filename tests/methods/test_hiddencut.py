import math

import naive
import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from torch.nn import functional

from methods import MethodTrainer, methods

HiddenCut = methods["hiddencut"]


def attention(layer, hidden, visible):
    """(B, H, L, L) of a BERT layer."""
    inner = layer.attention.self
    query, key = (
        part(hidden).unflatten(-1, (inner.num_attention_heads, -1)).transpose(1, 2) for part in (inner.query, inner.key)
    )
    return (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + visible).softmax(-1)


def naive_pass(model, batch, cut_of_layer=None, block=False):
    """Logits, and the attention of each layer."""
    hidden = naive.embedding_output(model, batch)
    visible = (1.0 - batch["attention_mask"][:, None, None, :].double()) * torch.finfo(torch.float64).min
    attentions = []
    for number, layer in enumerate(model.bert.encoder.layer):
        attentions.append(attention(layer, hidden, visible))
        attended = layer.attention(hidden, visible)[0]
        states = layer.output.dense(layer.intermediate(attended))
        if cut_of_layer is not None and not block:
            states = states * (1.0 - cut_of_layer[number][..., None])
        hidden = layer.output.LayerNorm(states + attended)
        if cut_of_layer is not None and block:
            hidden = hidden * (1.0 - cut_of_layer[number][..., None])
    return model.classifier(torch.tanh(model.bert.pooler.dense(hidden[:, 0]))), attentions


def naive_cut(scores, length, share, candidate_share, draw, anchor):
    """1 where one text is cut, from each token's attention and a uniform number."""
    span = max(1, int(share * length))
    candidates = max(1, int(candidate_share * length))
    ranked = sorted(range(length), key=lambda token: -scores[token])[:candidates]
    chosen = ranked[int(draw * candidates)]
    start = chosen - span // 2 if anchor == "centre" else chosen
    start = min(max(start, 0), length - span)
    return [1.0 if start <= token < start + span else 0.0 for token in range(len(scores))]


@pytest.mark.parametrize("strategy", ["attention", "least-attention"])
@pytest.mark.parametrize("anchor", ["centre", "start"])
@pytest.mark.parametrize("cut_states", ["feed-forward", "block"])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, batch, strategy, anchor, cut_states):
    model = tiny_model("bert").double()
    method = HiddenCut(
        cut_share=0.35,
        candidate_share=0.5,
        cut_loss_weight=0.8,
        consistency_weight=0.6,
        strategy=strategy,
        anchor=anchor,
        cut_states=cut_states,
    )
    torch.manual_seed(5)
    found = method.loss(model, batch)

    clean, attentions = naive_pass(model, batch)
    torch.manual_seed(5)
    cuts = []
    for weights in attentions:
        draws = torch.rand(4).tolist()
        rows = []
        for text, draw in enumerate(draws):
            length = int(batch["attention_mask"][text].sum())
            received = [
                sum(weights[text, head, asking, token].item() for head in range(2) for asking in range(length))
                for token in range(9)
            ]
            sign = 1 if strategy == "attention" else -1
            rows.append(naive_cut([sign * value for value in received], length, 0.35, 0.5, draw, anchor))
        cuts.append(torch.tensor(rows, dtype=torch.float64))
    cut, _ = naive_pass(model, batch, cuts, block=cut_states == "block")
    p, q = clean.softmax(-1), cut.softmax(-1)
    m = (p + q) / 2
    divergence = (naive.kl(p, m) + naive.kl(q, m)) / 2
    expected = functional.cross_entropy(clean, batch["labels"]) + 0.8 * functional.cross_entropy(cut, batch["labels"])
    expected = expected + 0.6 * divergence.mean()

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    parameters = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("strategy", ["attention", "random"])
def test_without_the_cut_pass_in_the_objective_it_is_vanilla(tiny_model, batch, strategy):
    model = tiny_model("bert").double()
    method = HiddenCut(cut_loss_weight=0.0, consistency_weight=0.0, strategy=strategy)
    torch.testing.assert_close(method.loss(model, batch), model(**batch).loss)


def padded(lengths, left):
    size = max(lengths)
    return torch.tensor([[0] * (size - n) + [1] * n if left else [1] * n + [0] * (size - n) for n in lengths])


@pytest.mark.parametrize("left", [False, True], ids=["padding on the right", "padding on the left"])
@pytest.mark.parametrize("strategy", ["attention", "least-attention", "random"])
@pytest.mark.parametrize("anchor", ["centre", "start"])
def test_one_span_of_the_right_length_is_cut_within_each_text(left, strategy, anchor):
    lengths = [20, 13, 2, 1]
    mask = padded(lengths, left)
    method = HiddenCut(cut_share=0.25, strategy=strategy, anchor=anchor)
    torch.manual_seed(0)
    for _ in range(50):
        cut = method._draw_span(torch.randn(mask.shape), mask)
        assert cut.sum(dim=1).tolist() == [5, 3, 1, 1]
        assert not (cut & (mask == 0)).any()
        for row in cut.int():
            assert int((row.diff() == 1).sum() + row[0]) == 1  # one span, not several


def test_anchors_are_drawn_evenly_from_the_most_attended_tokens():
    mask = torch.ones((4000, 10), dtype=torch.long)
    scores = torch.arange(10.0).flip(0).expand(4000, 10)
    torch.manual_seed(0)
    cut = HiddenCut(cut_share=0.1, candidate_share=0.4)._draw_span(scores, mask)
    counts = cut.sum(dim=0)
    assert counts[4:].sum() == 0
    assert all(abs(count - 1000) < 120 for count in counts[:4].tolist())  # standard deviation 27
    least = HiddenCut(cut_share=0.1, candidate_share=0.4, strategy="least-attention")._draw_span(-scores, mask)
    assert least.sum(dim=0)[:6].sum() == 0
    anywhere = HiddenCut(cut_share=0.1, candidate_share=0.1, strategy="random")._draw_span(torch.rand(4000, 10), mask)
    assert all(abs(count - 400) < 80 for count in anywhere.sum(dim=0).tolist())


def test_states_are_cut_in_training_passes_alone_and_differ_between_layers(tiny_model, batch):
    model = tiny_model("bert", num_hidden_layers=6)
    seen = []
    for layer in model.bert.encoder.layer:
        layer.output.dropout.register_forward_hook(lambda _, states, __: seen.append((states[0] == 0).all(-1)))
    torch.manual_seed(0)
    HiddenCut().loss(model, batch)
    clean, cut = seen[:6], seen[6:]
    assert not any(layer.any() for layer in clean)
    assert all(layer.sum(dim=1).tolist() == [1, 1, 1, 1] for layer in cut)
    assert any(not torch.equal(layer, cut[0]) for layer in cut)
    seen.clear()
    model.eval()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    assert not any(layer.any() for layer in seen)


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("cut_states", ["feed-forward", "block"])
def test_every_architecture_gets_finite_gradients(tiny_model, batch, architecture, implementation, cut_states):
    try:
        model = tiny_model(architecture, _attn_implementation=implementation).double()
    except ValueError:
        pytest.skip(f"{architecture} has no {implementation}")
    method = HiddenCut(cut_states=cut_states)
    method.prepare_model(model)
    torch.manual_seed(0)
    loss = method.loss(model, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    plain = HiddenCut(cut_loss_weight=0.0, consistency_weight=0.0).loss(model, batch)
    assert abs((loss - 2 * plain).item()) > 1e-11  # something was cut


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_layers_are_cut_one_by_one(tiny_model, batch, architecture):
    model = tiny_model(architecture)
    method = HiddenCut(strategy="random")
    drawn = []
    draw = method._draw_span
    method._draw_span = lambda *positional: drawn.append(draw(*positional)) or drawn[-1]
    method.loss(model, batch)
    assert len(drawn) == 2


def test_a_model_without_attention_weights_is_switched_or_named(tiny_model, batch):
    model = tiny_model("gpt2", _attn_implementation="sdpa")
    with pytest.raises(ValueError, match=r"^GPT2ForSequenceClassification: it gives no attention weights; .*$"):
        HiddenCut().loss(model, batch)
    HiddenCut(strategy="random").prepare_model(model)
    assert model.config._attn_implementation == "sdpa"
    HiddenCut(strategy="random").loss(model, batch)
    model.train()
    state = torch.get_rng_state()
    HiddenCut().prepare_model(model)
    assert model.config._attn_implementation == "eager"
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    HiddenCut().loss(model, batch)
    model = tiny_model("gpt2", _attn_implementation="sdpa")
    model.set_attn_implementation = lambda _: None
    with pytest.raises(ValueError, match=r"it gives no attention weights"):
        HiddenCut().prepare_model(model)


def test_feed_forward_layers_that_cannot_be_told_apart_are_refused(tiny_model):
    model = tiny_model("bert", intermediate_size=16)
    with pytest.raises(
        ValueError, match=r"^BertForSequenceClassification: the feed-forward .* set cut_states=block\.$"
    ):
        HiddenCut().prepare_model(model)
    HiddenCut(cut_states="block").prepare_model(model)


def test_gradient_checkpointing_is_refused(tiny_model, batch):
    model = tiny_model("bert").train()
    model.gradient_checkpointing_enable()
    with pytest.raises(ValueError, match="gradient checkpointing"):
        HiddenCut().loss(model, batch)


def test_the_trainer_prepares_the_model(tiny_model, tmp_path):
    from transformers import TrainingArguments

    model = tiny_model("gpt2", _attn_implementation="sdpa")
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none")
    MethodTrainer(model=model, args=arguments, method=HiddenCut())
    assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize(
    "values",
    [
        {"cut_share": 0.0},
        {"cut_share": 1.1},
        {"candidate_share": 0.0},
        {"candidate_share": 1.1},
        {"cut_loss_weight": -1},
        {"consistency_weight": -1},
        {"strategy": "gradient"},
        {"anchor": "end"},
        {"cut_states": "all"},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError):
        HiddenCut(**values)

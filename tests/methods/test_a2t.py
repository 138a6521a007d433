import math
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from tiny_architectures import tiny_configurations
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, TrainingArguments, set_seed

from methods import MethodTrainer, methods
from methods.a2t import _word_importance
from methods.word_neighbours import SPECIAL, WORD_CONTINUED, WORD_START, replaceable_words, roles_and_surfaces

A2T = methods["a2t"]

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyzäöüABCDEFGHIJKLMNOPQRSTU"]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##s", ".", "'", "and", *WORDS]
ID = {token: number for number, token in enumerate(TOKENS)}
EAGER = {"attack_share": 1.0, "clean_epochs": 0, "minimum_cosine_backbone": -1.0, "maximum_substitutes": 6}


@pytest.fixture
def tokenizer():
    tokenizer = Tokenizer(models.WordPiece(ID, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = {name: f"[{name[:3].upper()}]" for name in ("pad_token", "unk_token", "cls_token", "sep_token")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names)


def run(model, tokenizer):
    special = frozenset(tokenizer.all_special_ids) if tokenizer else frozenset()
    return SimpleNamespace(model=model, tokenizer=tokenizer, special_token_ids=lambda: special)


def text(*parts, length=13):
    numbers = [ID[part] for part in parts]
    return numbers + [0] * (length - len(numbers))


def batch_of(rows):
    tokens = torch.tensor(rows)
    return {"input_ids": tokens, "attention_mask": (tokens != 0).long()}


def texts():
    """Singles of different lengths and makings, and a pair."""
    return batch_of(
        [
            text("[CLS]", "worda", "the", "wordb", "##s", "wordc", ".", "wordd", "[SEP]"),
            text("[CLS]", "worde", "wordf", "wordg", "wordh", "wordi", "wordj", "wordk", "wordl", "[SEP]"),
            text("[CLS]", "wordm", "'", "wordn", "wordo", "[UNK]", "wordp", "[SEP]"),
            text("[CLS]", "wordq", "wordr", "words", "[SEP]", "wordt", "and", "wordu", "wordv", "wordw", "[SEP]"),
            text("[CLS]", "the", "and", "[SEP]"),
        ]
    )


def vivid(model, seed=3):
    """Embeddings large enough for one word to turn a prediction; random ones are nearly equal."""
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=1.0)
    return model


def with_predicted_labels(model, batch):
    with torch.no_grad():
        return {**batch, "labels": model.eval()(**batch).logits.argmax(-1)}


def prepared(model, tokenizer, **values):
    method = A2T(**{**EAGER, **values})
    method.prepare(run(model, tokenizer))
    return method


def naive_substitutes(model, count, minimum):
    """Token → its substitutes, from the definition."""
    vectors = model.get_input_embeddings().weight.detach()
    found = {}
    for word in WORDS:
        if not word.isascii():
            continue
        near = []
        for other in WORDS:
            if other != word and other.isascii() and other.islower() == word.islower():
                a, b = vectors[ID[word]], vectors[ID[other]]
                cosine = float((a @ b) / (a.norm() * b.norm()))
                if cosine >= minimum:
                    near.append((cosine, ID[other]))
        found[ID[word]] = [number for _, number in sorted(near, reverse=True)[:count]]
    return found


def naive_attack(model, tokens, label, substitutes, share, allowed, budget):
    """Tokens of one text without padding after the attack, whether they fool the model, and candidates tried."""

    def evaluate(candidate):
        logits = model(input_ids=torch.tensor([candidate]), attention_mask=torch.ones(1, len(candidate))).logits[0]
        return -logits.log_softmax(-1)[label].item(), int(logits.argmax()) == label

    loss, right = evaluate(tokens)
    if not right:
        return tokens, False, 0
    embedded = model.get_input_embeddings()(torch.tensor([tokens])).detach().requires_grad_()
    logits = model(inputs_embeds=embedded, attention_mask=torch.ones(1, len(tokens))).logits[0]
    (gradient,) = torch.autograd.grad(-logits.log_softmax(-1)[label], embedded)
    norms = [sum(abs(value) for value in row) for row in gradient[0].tolist()]

    second_text = tokens.index(ID["[SEP]"]) + 1 if tokens.count(ID["[SEP]"]) == 2 else 0
    places = [
        place
        for place in range(second_text, len(tokens))
        if substitutes.get(tokens[place]) and tokens[place + 1] not in (ID["##s"], ID["'"])
    ]
    words = sum(TOKENS[token].isalnum() for token in tokens)
    replaced = tried = 0
    for place in sorted(places, key=lambda place: -norms[place]):
        if replaced >= max(math.ceil(share * words), allowed) or tried >= budget:
            break
        candidates = substitutes[tokens[place]][: budget - tried]
        tried += len(candidates)
        results = [evaluate([*tokens[:place], new, *tokens[place + 1 :]]) for new in candidates]
        best = max(range(len(results)), key=lambda index: results[index][0])
        if results[best][0] > loss:
            loss, right = results[best]
            tokens = [*tokens[:place], candidates[best], *tokens[place + 1 :]]
            replaced += 1
            if not right:
                return tokens, True, tried
    return tokens, False, tried


@pytest.mark.parametrize("budget", [200, 7])
@pytest.mark.parametrize(("share", "allowed"), [(0.1, 4), (0.3, 0)])
def test_loss_and_gradients_equal_the_naive_reference(tiny_model, tokenizer, budget, share, allowed):
    model = vivid(tiny_model("bert").double())
    batch = with_predicted_labels(model, texts())
    batch["labels"][1] = 1 - batch["labels"][1]  # wrong already: not attacked
    method = prepared(
        model,
        tokenizer,
        minimum_cosine_backbone=0.0,
        adversarial_weight=0.7,
        query_budget=budget,
        maximum_replaced_share=share,
        replaced_words_allowed=allowed,
    )
    found = method.loss(model, batch)

    substitutes = naive_substitutes(model, 6, 0.0)
    expected = functional.cross_entropy(model(**{**batch, "labels": None}).logits, batch["labels"])
    fooled = tried = 0
    for row, label in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
        tokens = [token for token in row if token]
        adversarial, success, queries = naive_attack(model, tokens, label, substitutes, share, allowed, budget)
        tried += queries
        if success:
            fooled += 1
            logits = model(input_ids=torch.tensor([adversarial]), attention_mask=torch.ones(1, len(tokens))).logits
            expected = expected + 0.7 / 5 * functional.cross_entropy(logits, torch.tensor([label]))
    assert fooled >= 2
    report = method.report()
    assert (report["attacked"], report["fooled"], report["queries"]) == (5, fooled, tried)

    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    parameters = list(model.parameters())
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_the_attack_makes_the_naive_references_texts(tiny_model, tokenizer, seed):
    """Successful or not, with few and many words to replace."""
    model = vivid(tiny_model("bert").double(), seed)
    batch = with_predicted_labels(model, texts())
    for allowed in (1, 3, 20):
        method = prepared(model, tokenizer, replaced_words_allowed=allowed)
        attacked, fooled, queries = method._attack(model, batch)
        total = 0
        substitutes = naive_substitutes(model, 6, -1.0)
        for row, label, after, success in zip(
            batch["input_ids"].tolist(), batch["labels"].tolist(), attacked.tolist(), fooled.tolist(), strict=True
        ):
            tokens = [token for token in row if token]
            expected, expected_success, tried = naive_attack(model, tokens, label, substitutes, 0.1, allowed, 200)
            assert (after[: len(tokens)], success) == (expected, expected_success)
            total += tried
        assert queries == total


def test_words_are_ranked_by_the_l1_norm_of_their_gradient(tiny_model):
    model = vivid(tiny_model("bert").double())
    batch = with_predicted_labels(model, texts())
    importance, losses, right = _word_importance(model, batch)
    embedded = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
    logits = model(inputs_embeds=embedded, attention_mask=batch["attention_mask"]).logits
    expected = functional.cross_entropy(logits, batch["labels"], reduction="none")
    (gradient,) = torch.autograd.grad(expected.sum(), embedded)
    norms = torch.linalg.vector_norm(gradient, ord=1, dim=-1)
    torch.testing.assert_close(importance.double(), norms, rtol=1e-5, atol=1e-9)  # kept in single precision
    torch.testing.assert_close(losses, expected.detach())
    assert right.all()


def attacked_ids(method, model, batch):
    model.eval()
    attacked, fooled, _ = method._attack(model, batch)
    return attacked, fooled


def test_only_whole_words_that_are_no_stop_words_change(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    batch = with_predicted_labels(model, texts())
    attacked, _ = attacked_ids(prepared(model, tokenizer, attacked_part="both"), model, batch)
    changed = attacked != batch["input_ids"]
    assert changed.sum() >= 5
    for row, column in changed.nonzero().tolist():
        before, after = TOKENS[batch["input_ids"][row, column]], TOKENS[attacked[row, column]]
        assert before in WORDS
        assert after in WORDS
        assert before.islower() == after.islower()
        assert TOKENS[batch["input_ids"][row, column + 1]] not in ("##s", "'")
    assert not changed[4].any()


@pytest.mark.parametrize("part", ["second", "both"])
def test_the_first_text_of_a_pair_is_left_alone_unless_asked_for(tiny_model, tokenizer, part):
    model = vivid(tiny_model("bert"))
    method = prepared(model, tokenizer, attacked_part=part)
    batch = texts()
    replaceable, words = method._replaceable(batch["input_ids"], batch["attention_mask"])
    places = [[column for column in range(13) if replaceable[row, column]] for row in range(5)]
    assert places == [
        [1, 5, 7],
        list(range(1, 9)),
        [3, 4, 6],
        [5, 7, 8, 9] if part == "second" else [1, 2, 3, 5, 7, 8, 9],
        [],
    ]
    assert words.tolist() == [5, 8, 4, 8, 2]


def test_successful_attacks_fool_the_model_and_never_lower_the_loss(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    batch = with_predicted_labels(model, texts())
    attacked, fooled = attacked_ids(prepared(model, tokenizer), model, batch)
    assert fooled.any()
    logits = model(input_ids=attacked, attention_mask=batch["attention_mask"]).logits
    assert torch.equal(logits.argmax(-1) != batch["labels"], fooled)
    clean = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    before = functional.cross_entropy(clean, batch["labels"], reduction="none")
    assert (functional.cross_entropy(logits, batch["labels"], reduction="none") >= before - 1e-6).all()


@pytest.mark.parametrize(("share", "allowed"), [(0.0, 0), (0.0, 1), (0.2, 1), (1.0, 0)])
def test_number_of_replaced_words_is_limited(tiny_model, tokenizer, share, allowed):
    model = vivid(tiny_model("bert"))
    batch = with_predicted_labels(model, texts())
    method = prepared(model, tokenizer, maximum_replaced_share=share, replaced_words_allowed=allowed)
    attacked, _ = attacked_ids(method, model, batch)
    changed = (attacked != batch["input_ids"]).sum(dim=1).tolist()
    words = [5, 8, 4, 8, 2]
    assert all(n <= max(math.ceil(share * w), allowed) for n, w in zip(changed, words, strict=True))
    assert sum(changed) > 0 or share + allowed == 0


def test_without_attacks_it_is_vanilla(tiny_model, tokenizer):
    model = vivid(tiny_model("bert").double())
    batch = with_predicted_labels(model, texts())
    vanilla = model(**batch).loss
    for values in ({"attack_share": 0.0}, {"adversarial_weight": 0.0}, {"clean_epochs": 1}):
        torch.testing.assert_close(prepared(model, tokenizer, **values).loss(model, batch), vanilla)
    assert prepared(model, tokenizer).loss(model, batch) > vanilla


def test_attacks_begin_after_the_clean_epochs(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    batch = with_predicted_labels(model, texts())
    method = prepared(model, tokenizer, clean_epochs=2)
    attacked = []
    for _ in range(3):
        method.loss(model, batch)
        attacked.append(method.report()["attacked"])
        method.end_epoch(run(model, tokenizer))
    assert attacked == [0, 0, 5]


def test_the_drawn_share_of_texts_is_attacked(tiny_model, tokenizer):
    model = tiny_model("bert")
    method = prepared(model, tokenizer, attack_share=0.3, replaced_words_allowed=0, maximum_replaced_share=0.0)
    batch = with_predicted_labels(model, texts())
    torch.manual_seed(0)
    for _ in range(200):
        method.loss(model, batch)
    assert abs(method.report()["attacked"] / 1000 - 0.3) < 0.05  # standard deviation 0.0145


def test_training_mode_is_kept_and_dropout_leaves_the_attack_alone(tiny_model, tokenizer):
    model = vivid(tiny_model("bert", hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5))
    batch = with_predicted_labels(model, texts())
    model.train()
    method = prepared(model, tokenizer)
    first = method._adversarial_texts(model, batch)
    second = method._adversarial_texts(model, batch)
    assert model.training
    assert torch.equal(first["input_ids"], second["input_ids"])


@pytest.mark.parametrize("architecture", sorted(tiny_configurations()))
def test_every_architecture_is_attacked_and_gets_finite_gradients(tiny_model, tokenizer, architecture):
    model = vivid(tiny_model(architecture), seed=9)
    batch = with_predicted_labels(model, texts())
    method = prepared(model, tokenizer, maximum_substitutes=20, replaced_words_allowed=20)
    loss = method.loss(model.train(), batch)
    loss.backward()
    assert method.report()["fooled"] > 0
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_padding_on_the_left_changes_nothing(tiny_model, tokenizer):
    model = vivid(tiny_model("xlnet").double())
    right = with_predicted_labels(
        model, batch_of([text("wordk", "wordl", "[SEP]", "wordm", "wordn", "[CLS]", length=6)])
    )
    left = {name: functional.pad(right[name], (3, 0)) for name in ("input_ids", "attention_mask")}
    left["labels"] = right["labels"]
    method = prepared(model, tokenizer)
    one, two = (attacked_ids(method, model, batch) for batch in (right, left))
    assert torch.equal(one[0], two[0][:, 3:])
    assert not (one[0][:, :2] != right["input_ids"][:, :2]).any()


def test_a_frozen_backbone_is_attacked_too(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    model.bert.requires_grad_(False)
    method = prepared(model, tokenizer)
    method.loss(model, with_predicted_labels(model, texts())).backward()
    assert method.report()["fooled"] > 0
    assert model.bert.embeddings.word_embeddings.weight.grad is None


def test_every_parameter_learns_under_autocast(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    method = prepared(model, tokenizer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        batch = with_predicted_labels(model, texts())
        method.loss(model, batch).backward()
    assert method.report()["fooled"] > 0
    used = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert used == []


VOCABULARIES = {
    "WordPiece": (
        ["[CLS]", "great", "##ly", "the", ".", "Great", "fine", "'", "a1", "##1", "7", "naïve"],
        {"great", "Great", "fine", "a1"},
        {"##ly", "##1", "'"},
    ),
    "SentencePiece": (
        ["[CLS]", "▁great", "ly", "▁the", ".", "▁Great", "great", "▁", "'", "▁naïve", "s"],
        {"▁great", "▁Great"},
        {"ly", "great", "s", "'"},
    ),
    "byte-level BPE": (
        ["[CLS]", "Ġgreat", "ly", "Ġthe", ".", "ĠGreat", "great", "Ġ", "Ċ", "'t", "âĢĻ", "Ġna", "ÃŃve"],
        {"Ġgreat", "ĠGreat", "Ġna"},
        {"ly", "great", "'t", "âĢĻ", "ÃŃve"},
    ),
    "no marks": (["[CLS]", "great", "the", ".", "word2"], {"great", "word2"}, set()),
}


@pytest.mark.parametrize("kind", sorted(VOCABULARIES))
def test_words_are_told_by_the_tokenizers_marks(kind):
    tokens, words, continuing = VOCABULARIES[kind]
    numbers = {token: number for number, token in enumerate(tokens)}
    roles, surfaces = roles_and_surfaces(numbers, {0})
    assert roles[0] == SPECIAL
    assert {tokens[number] for number in replaceable_words(roles, surfaces, {0})} == words
    assert {tokens[number] for number, role in roles.items() if role == WORD_CONTINUED} == continuing
    assert all(roles[numbers[word]] == WORD_START for word in words)


def test_substitutes_are_the_nearest_neighbours(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    for count, minimum in ((6, 0.2), (3, -1.0)):
        table = prepared(model, tokenizer, maximum_substitutes=count, minimum_cosine_backbone=minimum).state_dict()[
            "a2t_tables"
        ]["substitutes"]
        expected = naive_substitutes(model, count, minimum)
        for number, row in enumerate(table.tolist()):
            assert [value for value in row if value >= 0] == expected.get(number, [])
            assert row == sorted(row, key=lambda value: value < 0)  # what is there comes first


def test_substitutes_are_those_before_training(tiny_model, tokenizer):
    model = vivid(tiny_model("bert"))
    method = prepared(model, tokenizer)
    before = method.state_dict()["a2t_tables"]["substitutes"].clone()
    torch.nn.init.normal_(model.get_input_embeddings().weight)
    assert torch.equal(method.state_dict()["a2t_tables"]["substitutes"], before)


def test_counter_fitted_vectors_are_read(tiny_model, tokenizer, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("worda 1 0\nwordb 0.9 0.1\nwordc -1 0\nelse 1 0\nthe 1 0\n\nwordd 0.6 0.3\n", encoding="utf-8")
    model = tiny_model("bert")
    values = {"substitutes": "counter-fitted", "counter_fitted_vectors": str(path)}
    method = prepared(model, tokenizer, **values)
    method.prepare_model(model)
    table = method.state_dict()["a2t_tables"]["substitutes"]
    there = {TOKENS[n]: [TOKENS[m] for m in row if m >= 0] for n, row in enumerate(table.tolist()) if row[0] >= 0}
    expected = {"a": "bd", "b": "ad", "d": "ba"}
    small = {f"word{one}": [f"word{other}" for other in others] for one, others in expected.items()}
    # the file has small letters alone
    assert there == small | {
        f"word{one.upper()}": [f"word{other.upper()}" for other in others] for one, others in expected.items()
    }


def test_what_is_missing_is_said_in_one_line(tiny_model, tokenizer, tmp_path):
    model = tiny_model("bert")
    with pytest.raises(ValueError, match=r"^A2T replaces words: .* processing_class\.$"):
        A2T().prepare(run(model, None))
    for path in (None, str(tmp_path / "none.txt")):
        method = A2T(substitutes="counter-fitted", counter_fitted_vectors=path)
        with pytest.raises(
            ValueError, match=r"^counter_fitted_vectors: no file .*github\.com/nmrksic/counter-fitting.*$"
        ):
            method.prepare_model(model)
    with pytest.raises(ValueError, match=r"^A2T: no word has a substitute at cosine 1.0 or more; .*$"):
        A2T(minimum_cosine_backbone=1.0).prepare(run(model, tokenizer))
    bad = tmp_path / "bad.txt"
    bad.write_text("worda 1 x\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.txt, line 1: not a word and its numbers\.$"):
        prepared(model, tokenizer, substitutes="counter-fitted", counter_fitted_vectors=str(bad))


class Texts(torch.utils.data.Dataset):
    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        self.rows = []
        for row in range(48):
            label = row % 2
            words = torch.randint(10 + 20 * label, 30 + 20 * label, (4 + row % 5,), generator=generator).tolist()
            numbers = [2, *words, 3] + [0] * (8 - len(words))
            tokens = torch.tensor(numbers)
            self.rows.append(
                {"input_ids": tokens, "attention_mask": (tokens != 0).long(), "labels": torch.tensor(label)}
            )

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, row):
        return self.rows[row]


def trained(model, tokenizer, folder, resume=None, epochs=3, rate=1e-3, saving="no", **values):
    set_seed(3)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=8,
        learning_rate=rate,
        report_to="none",
        disable_tqdm=True,
        save_strategy=saving,
        save_steps=9,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    method = A2T(**values)
    trainer = MethodTrainer(
        model=model, args=arguments, train_dataset=Texts(), method=method, processing_class=tokenizer
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def test_resumed_run_ends_with_the_same_weights_to_the_bit(tiny_model, tokenizer, tmp_path):
    dropout = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    values = {"attack_share": 0.5, "minimum_cosine_backbone": -1.0, "saving": "steps"}
    whole = trained(vivid(tiny_model("bert", **dropout)), tokenizer, tmp_path, **values)
    checkpoint = str(tmp_path / "checkpoint-9")
    resumed = trained(vivid(tiny_model("bert", **dropout)), tokenizer, tmp_path, resume=checkpoint, **values)
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert whole.method.report() == resumed.method.report()
    assert whole.method.report()["fooled"] > 0


def test_separable_texts_are_learned(tiny_model, tokenizer, tmp_path):
    trainer = trained(tiny_model("bert"), tokenizer, tmp_path, epochs=15, rate=3e-3)
    predictions = trainer.predict(Texts()).predictions.argmax(-1)
    assert (predictions == [row["labels"] for row in Texts().rows]).mean() > 0.95


def test_reported_cost_is_the_counted_one_and_within_the_bound(tiny_model, tokenizer, tmp_path):
    from torch.utils.flop_counter import FlopCounterMode

    model = vivid(tiny_model("bert", hidden_size=64, intermediate_size=128))
    row = Texts()[0]
    forward = FlopCounterMode(display=False)
    with forward, torch.no_grad():
        model(**{name: value.expand(8, *value.shape) for name, value in row.items()})
    whole = FlopCounterMode(display=False)
    values = {"attack_share": 0.5, "minimum_cosine_backbone": -1.0, "clean_epochs": 0}
    with whole:
        trainer = trained(model, tokenizer, tmp_path, epochs=1, **values)
    counted = whole.get_total_flops() / forward.get_total_flops() / 6
    reported = trainer.method.report()["units_a_step"]
    assert counted > 5
    assert math.isclose(reported, counted, rel_tol=0.05)
    assert reported <= trainer.method.step_units()
    assert A2T().step_units() == 3 + 0.2 * (2 + 200 + 3)
    assert A2T(attack_share=0.0).step_units() == 3.0


@pytest.mark.parametrize(
    "values",
    [
        {"attack_share": -0.1},
        {"attack_share": 1.1},
        {"adversarial_weight": -1},
        {"clean_epochs": -1},
        {"substitutes": "wordnet"},
        {"maximum_substitutes": 0},
        {"minimum_cosine_backbone": 1.1},
        {"minimum_cosine_counter_fitted": -1.1},
        {"maximum_replaced_share": 1.1},
        {"replaced_words_allowed": -1},
        {"query_budget": 0},
        {"attacked_part": "first"},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValidationError):
        A2T(**values)

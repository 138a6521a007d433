"""A2T: adversarial training on words replaced by their neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.architecture import SEQUENCE_FIRST, unwrap
from methods.base import Batch, Method
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.dropout import evaluation_mode
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch
from methods.word_neighbours import (
    NO_WORD,
    SPECIAL,
    WORD_CONTINUED,
    WORD_START,
    by_capitalisation,
    neighbours,
    read_vectors,
    replaceable_words,
    roles_and_surfaces,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

EVALUATED_AT_ONCE = 128
"""Most texts in one forward pass of the attack."""

WHERE_VECTORS_ARE = (
    "word_vectors/counter-fitted-vectors.txt.zip of https://github.com/nmrksic/counter-fitting, unzipped"
)


@register("a2t")
class A2T(Method):
    """A2T: cross-entropy on texts and on word substitutions that fool the current weights.

    For a random share γ of the batch, after ``clean_epochs`` plain epochs, texts classified rightly are attacked:

    1. one forward and backward pass gives the gradient of CE at the word embeddings; words are ranked by its L1 norm;
    2. down the ranking, a word's substitutes are tried, and the one with the largest loss stays if it raises the loss;
    3. the attack succeeds as soon as the prediction is wrong, and gives up at the largest number of replaced words, at
       the end of the ranking or when the query budget is spent.

    Words are never special tokens, stop words or words of several tokens. Substitutes are the nearest neighbours
    among whole-word tokens of the same capitalisation. With x̃ the fooling texts, F of the batch's B, ::

        CE(f(x), y) + α·(F/B)·CE(f(x̃), y)

    so each of them weighs α times a clean text, as in the released trainer. The attack runs without dropout.

    The Trainer must be given its tokenizer (``processing_class``).

    Cost: a clean epoch's step takes vanilla's 3 units. Afterwards it varies with the texts: the search adds 2 for each
    attacked share of the batch (its gradient) and 1 for each candidate tried; texts that fooled add 3. `step_units`
    bounds it from above by the query budget; `report` has what it really was. With the defaults, on one-sentence film
    reviews and a MiniLM backbone, some 6 candidates were tried for a text: about 5 units a step.
    """

    card: ClassVar = Card(
        paper="Yoo and Qi, Towards Improving Adversarial Training of NLP Models, Findings of EMNLP 2021",
        arxiv="2109.00544",
        code="https://github.com/QData/TextAttack-A2T",
        code_licence="MIT",
        cost="at most 3 + attack_share·(2 + query_budget + 3), depending on the texts; 3 in clean epochs",
        deviations=(
            "Texts are attacked in the training step; the released trainer attacks once an epoch, before it.",
            "attack_share is the share attacked; the released trainer attacks until that share of the training set has "
            "succeeded.",
            "Substitutes come by default from the backbone's own input embeddings, where some antonyms are near, at a "
            "smaller least cosine; the recipe has counter-fitted vectors: substitutes=counter-fitted.",
            "No part-of-speech constraint and no sentence-similarity constraint.",
            "Words of several tokens are never replaced, nor is a text's first word where the tokenizer gives it no "
            "word mark (byte-level BPE); substitutes are single tokens and no stop words.",
            "Stop words are scikit-learn's; the recipe has NLTK's.",
            "Attacks with the masked language model (A2T-MLM) are not offered.",
        ),
    )

    short_training: ClassVar = {"minimum_cosine_backbone": 0.0}  # random embeddings have no near neighbours

    attack_share: float = hyper_parameter(
        0.2,
        ge=0,
        le=1,
        description="γ: probability with which a text of the batch is attacked",
        source="released code, README: --num-adv-examples 0.2",
    )
    adversarial_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="α: weight of an adversarial text against a clean one",
        source="released code, textattack TrainingArgs.alpha 1.0, which train.py leaves alone",
    )
    clean_epochs: int = hyper_parameter(
        1,
        ge=0,
        description="plain epochs before the first attack",
        source="released code, README: --num-clean-epochs 1",
    )
    substitutes: Literal["backbone", "counter-fitted"] = hyper_parameter(
        "backbone",
        description="vectors in which a word's neighbours are sought: the backbone's input embeddings as they were "
        "before training, or the file counter_fitted_vectors",
        source="this project: needs no further file; recipe a2t_yoo_2021.py: counter-fitted",
    )
    counter_fitted_vectors: str | None = hyper_parameter(
        None,
        description="path of the vectors of Mrkšić et al. (2016), a word and its numbers a line",
        source=f"recipe a2t_yoo_2021.py, WordSwapEmbedding; {WHERE_VECTORS_ARE}",
    )
    maximum_substitutes: int = hyper_parameter(
        20,
        ge=1,
        description="k: neighbours tried for a word",
        source="recipe a2t_yoo_2021.py: max_candidates=20",
    )
    minimum_cosine_backbone: float = hyper_parameter(
        0.6,
        ge=-1,
        le=1,
        description="least cosine of a word and its substitute, with substitutes=backbone",
        source="this project: the recipe's 0.8, meant for counter-fitted vectors, left substitutes to 4 % of the words "
        "of a MiniLM backbone, 0.6 to 44 %; good and bad lie at 0.53 there",
    )
    minimum_cosine_counter_fitted: float = hyper_parameter(
        0.8,
        ge=-1,
        le=1,
        description="least cosine of a word and its substitute, with substitutes=counter-fitted",
        source="recipe a2t_yoo_2021.py: min_cos_sim=0.8",
    )
    maximum_replaced_share: float = hyper_parameter(
        0.1,
        ge=0,
        le=1,
        description="largest share of a text's words replaced, rounded up",
        source="recipe a2t_yoo_2021.py: max_rate=0.1",
    )
    replaced_words_allowed: int = hyper_parameter(
        4,
        ge=0,
        description="words that may be replaced in any text, however short",
        source="recipe a2t_yoo_2021.py: min_threshold=4",
    )
    query_budget: int = hyper_parameter(
        200,
        ge=1,
        description="most candidates tried for a text",
        source="released code, train.py: query_budget_train=200",
    )
    attacked_part: Literal["second", "both"] = hyper_parameter(
        "second",
        description="which text of a pair is changed; single texts are changed in any case",
        source="recipe a2t_yoo_2021.py: the premise is left alone",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._tables: dict[str, Tensor] = {}
        self._epochs = 0
        self._figures = {"texts": 0, "attacked": 0, "fooled": 0, "queries": 0}

    def prepare_model(self, model: nn.Module) -> None:
        """See to it that the vectors are there.

        Raises:
            ValueError: the file of counter-fitted vectors is needed and not there.
        """
        super().prepare_model(model)
        if self.substitutes == "counter-fitted":
            path = self.counter_fitted_vectors
            if path is None or not Path(path).is_file():
                raise ValueError(f"counter_fitted_vectors: no file at {path}; it is {WHERE_VECTORS_ARE}.")

    def prepare(self, run: FineTuningRun) -> None:
        """Work out which tokens are words, and their substitutes.

        Raises:
            ValueError: there is no tokenizer, or no word has a substitute.
        """
        super().prepare(run)
        if run.tokenizer is None:
            raise ValueError("A2T replaces words: give the Trainer its tokenizer as processing_class.")
        embeddings: Tensor = _word_embedding(run.model).weight.detach()
        vocabulary = {token: number for token, number in run.tokenizer.get_vocab().items() if number < len(embeddings)}
        unknown = {run.tokenizer.unk_token_id, run.tokenizer.mask_token_id}  # stand for words, and separate none
        roles, surfaces = roles_and_surfaces(vocabulary, run.special_token_ids() - unknown)
        words = replaceable_words(roles, surfaces, run.special_token_ids())
        numbers = list(words)
        if self.substitutes == "backbone":
            vectors, minimum = embeddings[numbers].float(), self.minimum_cosine_backbone
        else:
            found = read_vectors(Path(str(self.counter_fitted_vectors)), {word.lower() for word in words.values()})
            numbers = [number for number in numbers if words[number].lower() in found]
            vectors = torch.tensor([found[words[number].lower()] for number in numbers], device=embeddings.device)
            minimum = self.minimum_cosine_counter_fitted
        table = torch.full((len(embeddings), self.maximum_substitutes), -1, dtype=torch.int32, device=embeddings.device)
        for members in by_capitalisation([words[number] for number in numbers]):
            group = torch.tensor(numbers, device=embeddings.device)[members]
            table[group] = neighbours(vectors[members], group, self.maximum_substitutes, minimum)
        if not bool((table >= 0).any()):
            raise ValueError(f"A2T: no word has a substitute at cosine {minimum} or more; lower that limit.")
        role_of_token = torch.full((len(embeddings),), NO_WORD, dtype=torch.int8, device=embeddings.device)
        role_of_token[list(roles)] = torch.tensor(list(roles.values()), dtype=torch.int8, device=embeddings.device)
        self._tables = {"substitutes": table, "roles": role_of_token}

    def step_units(self) -> float:
        """Bound from above for a step with attacks; `report` has the mean over the run, clean epochs included.

        3 for the clean pass; for the attacked share 2 for the gradient, 1 for each candidate within the query budget
        and 3 for the adversarial pass.
        """
        attack = 2.0 + self.query_budget + 3.0 if self.adversarial_weight else 0.0
        return 3.0 + self.attack_share * attack

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar."""
        labels = batch["labels"]
        self._figures["texts"] += len(labels)
        adversarial = self._adversarial_texts(model, batch)
        objective = cross_entropy(model(**without_labels(batch)).logits, labels)
        if adversarial is None:
            return objective
        logits = model(**without_labels(adversarial)).logits
        share = len(adversarial["labels"]) / len(labels)
        return objective + self.adversarial_weight * share * cross_entropy(logits, adversarial["labels"])

    def end_epoch(self, run: FineTuningRun) -> None:
        """Count the epochs."""
        super().end_epoch(run)
        self._epochs += 1

    def report(self) -> dict[str, Any]:
        """Figures of this process.

        ``attacked`` texts, ``fooled`` ones and ``queries`` (candidates tried); ``units_a_step``, the mean cost of a
        step; ``words_with_substitutes``, of the tokenizer's vocabulary.
        """
        figures = self._figures
        attack = 2 * figures["attacked"] + figures["queries"] + 3 * figures["fooled"]
        table = self._tables.get("substitutes")
        return {
            **super().report(),
            "attacked": figures["attacked"],
            "fooled": figures["fooled"],
            "queries": figures["queries"],
            "units_a_step": 3.0 + attack / max(1, figures["texts"]),
            "words_with_substitutes": 0 if table is None else int((table[:, 0] >= 0).sum()),
        }

    def state_dict(self) -> dict[str, Any]:
        """Tables of words and substitutes, epochs and figures."""
        return {
            **super().state_dict(),
            "a2t_tables": self._tables,
            "a2t_epochs": self._epochs,
            "a2t_figures": dict(self._figures),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore tables, epochs and figures."""
        super().load_state_dict(state)
        self._tables = dict(state["a2t_tables"])
        self._epochs = int(state["a2t_epochs"])
        self._figures = dict(state["a2t_figures"])

    def _adversarial_texts(self, model: nn.Module, batch: Batch) -> Batch | None:
        """The attacked texts that fool the model, with their labels; None where there are none."""
        if self._epochs < self.clean_epochs or not self.adversarial_weight or not self.attack_share:
            return None
        labels = batch["labels"]
        rows = (torch.rand(labels.shape, device=labels.device) < self.attack_share).nonzero()[:, 0]
        if not len(rows):
            return None
        texts = _rows(batch, rows)
        with evaluation_mode(model):  # dropout would make losses of candidates incomparable
            attacked, fooled, queries = self._attack(model, texts)
        self._figures["attacked"] += len(rows)
        self._figures["fooled"] += int(fooled.sum())
        self._figures["queries"] += queries
        return _rows({**texts, "input_ids": attacked}, fooled.nonzero()[:, 0]) if bool(fooled.any()) else None

    def _attack(self, model: nn.Module, texts: Batch) -> tuple[Tensor, Tensor, int]:
        """Token ids (b, L) after the attack, whether it succeeded (b,), and the number of candidates tried."""
        originals = texts["input_ids"]
        importance, losses, right = _word_importance(model, texts)
        replaceable, words = self._replaceable(originals, texts["attention_mask"])
        allowed = (words * self.maximum_replaced_share).ceil().clamp(min=self.replaced_words_allowed)
        ranking = importance.masked_fill(~replaceable, -1.0).argsort(dim=1, descending=True, stable=True)
        ranked = replaceable.sum(dim=1)

        attacked = originals.clone()
        fooled = torch.zeros_like(right)
        replaced = torch.zeros_like(ranked)
        queries = torch.zeros_like(ranked)
        rank_of_substitute = torch.arange(self.maximum_substitutes, device=originals.device)
        for rank in range(int(ranked.max())):
            going_on = right & ~fooled & (rank < ranked) & (replaced < allowed) & (queries < self.query_budget)
            active = going_on.nonzero()[:, 0]
            if not len(active):
                break
            positions = ranking[active, rank]
            substitutes = self._tables["substitutes"][originals[active, positions]].long()
            tried = (substitutes >= 0) & (rank_of_substitute < (self.query_budget - queries[active])[:, None])
            owner, slot = tried.nonzero(as_tuple=True)
            trials = _rows({**texts, "input_ids": attacked}, active[owner])
            trials["input_ids"][torch.arange(len(owner), device=owner.device), positions[owner]] = substitutes[tried]
            trial_losses, trial_right = _evaluate(model, trials)

            table = trial_losses.new_full(tried.shape, float("-inf"))
            table[owner, slot] = trial_losses
            best_losses, best = table.max(dim=1)
            still_right = torch.ones_like(tried)
            still_right[owner, slot] = trial_right
            better = best_losses > losses[active]
            changed, chosen = active[better], best[better]
            attacked[changed, positions[better]] = substitutes[better, chosen]
            losses[changed] = best_losses[better]
            fooled[changed] = ~still_right[better, chosen]
            replaced[changed] += 1
            queries[active] += tried.sum(dim=1)
        return attacked, fooled, int(queries.sum())

    def _replaceable(self, token_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Where words may be replaced, (b, L), and how many words each text has, (b,)."""
        text = attention_mask != 0
        roles = self._tables["roles"][token_ids]
        starts = text & (roles == WORD_START)
        continued = text & (roles == WORD_CONTINUED)
        next_continues = torch.nn.functional.pad(continued[:, 1:], (0, 1))
        replaceable = starts & ~next_continues & (self._tables["substitutes"][:, 0][token_ids] >= 0)
        if self.attacked_part == "second":
            special = text & (roles == SPECIAL)
            content = text & ~special
            # a special token after the first content separates two texts
            second = (special & (content.cumsum(dim=1) > 0)).cumsum(dim=1) > 0
            pair = (content & second).any(dim=1, keepdim=True)
            replaceable &= second | ~pair
        return replaceable, starts.sum(dim=1)


def _word_importance(model: nn.Module, texts: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """L1 norm of the gradient of each token's embedding (b, L), loss (b,), and whether the prediction is right (b,)."""
    inner: Any = unwrap(model)
    labels = texts["labels"]
    with _read_output(_word_embedding(inner)) as read:
        logits = model(**without_labels(texts)).logits
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), read.value)
    if inner.config.model_type in SEQUENCE_FIRST:
        gradient = gradient.transpose(0, 1)
    if gradient.shape[:2] != texts["input_ids"].shape:
        raise ValueError(
            f"{type(inner).__name__}: its word embeddings are not (texts, tokens, width); "
            'load the model with attn_implementation="sdpa", which does not unpad.'
        )
    return gradient.float().abs().sum(dim=-1), losses.detach(), logits.argmax(dim=-1) == labels


def _evaluate(model: nn.Module, texts: Batch) -> tuple[Tensor, Tensor]:
    """Loss of each text, (n,), and whether its prediction is right, (n,)."""
    labels = texts["labels"]
    parts: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, len(labels), EVALUATED_AT_ONCE):
            part = {name: value[start : start + EVALUATED_AT_ONCE] for name, value in texts.items()}
            parts.append(model(**without_labels(part)).logits)
    logits = torch.cat(parts)
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none"), logits.argmax(dim=-1) == labels


@dataclass
class _Read:
    value: Any = None


@contextmanager
def _read_output(module: nn.Module) -> Iterator[_Read]:
    """Within the context, the module's next output is left in ``value``, part of the graph or its beginning."""
    read = _Read()

    def after(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        read.value = output if output.requires_grad else output.detach().requires_grad_()
        value: Tensor = read.value
        return value

    handle = module.register_forward_hook(after)
    try:
        yield read
    finally:
        handle.remove()


def _word_embedding(model: nn.Module) -> Any:
    inner: Any = unwrap(model)
    return inner.get_input_embeddings()


def _rows(texts: Batch, rows: Tensor) -> Batch:
    return {name: value[rows] for name, value in texts.items()}

"""BAE, BERT-Attack and CLARE: words that a masked language model puts into the gap."""

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmark.attacks.flair_taggers import load_part_of_speech_tagger
from benchmark.attacks.model_files import (
    BERT,
    DISTILROBERTA,
    PACKAGED_SENTENCE_ENCODER,
    PART_OF_SPEECH_TAGGER,
    UNIVERSAL_SENTENCE_ENCODER,
)
from benchmark.attacks.nltk_data import PARTS_OF_SPEECH
from benchmark.attacks.recipe import (
    SBERT_DEVIATION,
    Parts,
    build_recipe,
    packaged_sentence_encoder,
    require_parts_of_speech,
    universal_sentence_encoder,
)
from benchmark.attacks.registry import register_attack
from benchmark.attacks.textattack_offline import import_textattack

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper

BAE = "replaces words by what BERT puts into the gap, the words that matter most first"
BAE_SOURCE = "Garg and Ramakrishnan 2020, arXiv 2004.01970"
BAE_MODE = "As in TextAttack, this is the paper's mode BAE-R, which replaces words and inserts none."


@register_attack(
    "bae",
    summary=BAE,
    source=BAE_SOURCE,
    resources=(BERT, *PARTS_OF_SPEECH, UNIVERSAL_SENTENCE_ENCODER),
    deviations=(BAE_MODE,),
)
def build_bae(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: 50 words a gap, the same part of speech, a similar sentence. Black-box."""
    return _build_bae(model, universal_sentence_encoder())


@register_attack(
    "bae-sbert",
    summary="BAE with a sentence encoder that needs no TensorFlow",
    source=BAE_SOURCE,
    resources=(BERT, *PARTS_OF_SPEECH, PACKAGED_SENTENCE_ENCODER),
    deviations=(BAE_MODE, SBERT_DEVIATION),
    variant_of="bae",
)
def build_bae_sbert(model: "ModelWrapper") -> "textattack.Attack":
    """Build the recipe with a sentence encoder that needs no TensorFlow. Black-box."""
    return _build_bae(model, packaged_sentence_encoder())


def _build_bae(model: "ModelWrapper", encoder: Parts) -> "textattack.Attack":
    require_parts_of_speech()
    return build_recipe("BAEGarg2019", model, {"WordSwapMaskedLM": _bert_swap(), **encoder})


BERT_ATTACK = "replaces words, piece by piece, by what BERT sees in their place"
BERT_ATTACK_SOURCE = "Li et al. 2020, arXiv 2004.09984"
BERT_ATTACK_CANDIDATES = (
    "As in TextAttack, BERT proposes 8 candidates a word instead of the paper's 48, and of the combinations of word"
    " pieces the first 8 are taken, where the paper takes the most likely."
)


@register_attack(
    "bert-attack",
    summary=BERT_ATTACK,
    source=BERT_ATTACK_SOURCE,
    resources=(BERT, UNIVERSAL_SENTENCE_ENCODER),
    deviations=(BERT_ATTACK_CANDIDATES,),
)
def build_bert_attack(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: at most 40 % of the words, a sentence that is not wholly another. Black-box."""
    return _build_bert_attack(model, universal_sentence_encoder())


@register_attack(
    "bert-attack-sbert",
    summary="BERT-Attack with a sentence encoder that needs no TensorFlow",
    source=BERT_ATTACK_SOURCE,
    resources=(BERT, PACKAGED_SENTENCE_ENCODER),
    deviations=(BERT_ATTACK_CANDIDATES, SBERT_DEVIATION),
    variant_of="bert-attack",
)
def build_bert_attack_sbert(model: "ModelWrapper") -> "textattack.Attack":
    """Build the recipe with a sentence encoder that needs no TensorFlow. Black-box."""
    return _build_bert_attack(model, packaged_sentence_encoder())


def _build_bert_attack(model: "ModelWrapper", encoder: Parts) -> "textattack.Attack":
    return build_recipe("BERTAttackLi2020", model, {"WordSwapMaskedLM": _bert_swap(), **encoder})


CLARE = "replaces, inserts or merges words by what DistilRoBERTa puts into the gap"
CLARE_SOURCE = "Li et al. 2020, arXiv 2009.07502"


@register_attack(
    "clare",
    summary=CLARE,
    source=CLARE_SOURCE,
    resources=(DISTILROBERTA, PART_OF_SPEECH_TAGGER, UNIVERSAL_SENTENCE_ENCODER),
)
def build_clare(model: "ModelWrapper") -> "textattack.Attack":
    """Build TextAttack's recipe: the best of all replacements, insertions and merges, step by step. Black-box."""
    return _build_clare(model, universal_sentence_encoder())


@register_attack(
    "clare-sbert",
    summary="CLARE with a sentence encoder that needs no TensorFlow",
    source=CLARE_SOURCE,
    resources=(DISTILROBERTA, PART_OF_SPEECH_TAGGER, PACKAGED_SENTENCE_ENCODER),
    deviations=(SBERT_DEVIATION,),
    variant_of="clare",
)
def build_clare_sbert(model: "ModelWrapper") -> "textattack.Attack":
    """Build the recipe with a sentence encoder that needs no TensorFlow. Black-box."""
    return _build_clare(model, packaged_sentence_encoder())


def _build_clare(model: "ModelWrapper", encoder: Parts) -> "textattack.Attack":
    folder = str(DISTILROBERTA.require())
    load_part_of_speech_tagger()
    # The recipe loads the model and its tokenizer by name, through the module transformers.
    transformers = SimpleNamespace(
        AutoModelForCausalLM=_from_folder("AutoModelForMaskedLM", folder),
        AutoTokenizer=_from_folder("AutoTokenizer", folder),
    )
    return build_recipe("CLARE2020", model, {"transformers": transformers, **encoder})


def _from_folder(loader: str, folder: str) -> SimpleNamespace:
    """A class of transformers that loads from this folder whatever name it is asked for.

    A masked model for CLARE: TextAttack asks for a causal one, which has the same weights, and leaves it to the
    configuration that every word is seen.
    """

    def from_pretrained(_: str) -> Any:
        import transformers

        return getattr(transformers, loader).from_pretrained(folder, local_files_only=True)

    return SimpleNamespace(from_pretrained=from_pretrained)


def _bert_swap() -> Any:
    folder = str(BERT.require())
    return partial(import_textattack().transformations.WordSwapMaskedLM, masked_language_model=folder)

"""flair's taggers, loaded from the disk before TextAttack asks for them by name (which would ask the hub).

flair keeps whole Python objects in its files, which PyTorch's restricted unpickler cannot read; whoever wants a tagger
says that its file is to be trusted.
"""

from benchmark.attacks.model_files import ENTITY_TAGGER, PART_OF_SPEECH_TAGGER
from benchmark.attacks.resources import Resource
from benchmark.attacks.textattack_offline import import_textattack


def load_entity_tagger() -> None:
    """Load the tagger that finds names of persons and places.

    Raises:
        UserError: it is not on the disk, or nobody asked for its pickle to be loaded.
    """
    _load("ner", ENTITY_TAGGER)


def load_part_of_speech_tagger() -> None:
    """Load the tagger of parts of speech.

    Raises:
        UserError: it is not on the disk, or nobody asked for its pickle to be loaded.
    """
    _load("upos-fast", PART_OF_SPEECH_TAGGER)


def _load(name: str, resource: Resource) -> None:
    file = resource.require()
    loaded = import_textattack().shared.utils.strings._flair_taggers
    if name not in loaded:
        from flair.models import SequenceTagger

        loaded[name] = SequenceTagger.load(str(file))

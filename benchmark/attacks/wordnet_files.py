"""The files that NLTK's WordNet reader keeps open."""

from __future__ import annotations

from typing import Any

SINGLE_FILES = ("_key_count_file", "_key_synset_file")


def close_wordnet_files() -> None:
    """Close the reader's open files; it opens each again when it next reads it.

    Before this process is forked: a file that is open then has one position for all processes, and the reader moves
    it and reads in two steps, so that each would read what another was looking for.
    """
    from nltk.corpus import wordnet

    reader: dict[str, Any] = vars(wordnet)  # of the stand-in, without these names, until WordNet has been read
    by_part_of_speech = reader.get("_data_file_map", {})
    for file in [*by_part_of_speech.values(), *(reader.get(name) for name in SINGLE_FILES)]:
        if file is not None:
            file.close()
    by_part_of_speech.clear()
    for name in SINGLE_FILES:
        if name in reader:
            setattr(wordnet, name, None)

import pytest

from benchmark.attacks.wordnet_files import close_wordnet_files
from benchmark.attacks.worker_processes import in_order


@pytest.fixture
def wordnet(nltk_data):
    from nltk.corpus import wordnet

    wordnet.synsets("good")
    assert wordnet._data_file_map
    return wordnet


def test_files_are_closed_and_opened_again(wordnet):
    opened = list(wordnet._data_file_map.values())
    close_wordnet_files()
    assert all(file.closed for file in opened)
    assert wordnet._data_file_map == {}
    assert wordnet.synsets("superb")


def test_processes_do_not_read_what_another_looks_for(wordnet):
    words = sorted(set(wordnet.all_lemma_names("a")))[:1500]

    def glosses(row: int) -> list[str]:
        return [synset.definition() for word in words[row::3] for synset in wordnet.synsets(word)]

    close_wordnet_files()
    found = list(in_order(glosses, range(3), 3))
    assert found == [glosses(row) for row in range(3)]

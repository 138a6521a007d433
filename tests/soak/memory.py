"""Large evaluation sets scored, and the memory that it takes: it must not grow with the texts.

Run: ``python tests/soak/memory.py [--rows 100000 1000000]``

Each set is a Parquet file of labelled texts of 100 to 1,000 characters, all in one row group. It is scored by
`roast-bench evaluate` with a random two-layer BERT, in a process of its own whose resident memory is watched. Its
tokenizer splits at white space alone: it is the memory that is looked at, and another would take most of the time.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from long_texts import LONGEST, SHORTEST, Measured, measured, write_long_texts
from report import Report, conclude, parser_of
from tiny_cells import PLUGIN, environment, write_tiny_bert

from leaderboard.record import Record, find_records, read_record

SET = "many"

MAX_LENGTH = 8
"""Tokens; the texts have up to some 200."""

MOST_GROWTH = 12
"""Bytes by which the peak may grow for each byte by which the stored logits and labels grow. Scores are computed in
float64, several arrays at a time. The texts have about 25 bytes for each of these, in memory some more."""

MIB = 2**20


@dataclass(frozen=True)
class Scored:
    """A set that was scored."""

    rows: int
    characters: int
    process: Measured
    record: Record | None
    logits_bytes: int
    """Size of the file with logits and labels."""

    @property
    def recorded(self) -> int:
        """Peak memory in the record, bytes; 0 where there is none."""
        return (self.record and self.record.peak_memory_bytes) or 0


def write_checkpoint(folder: Path) -> Path:
    """A classifier with random weights for task tiny, in a folder that does not exist."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

    names = ("negative", "positive")
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(
        write_tiny_bert(folder), id2label=dict(enumerate(names)), label2id={name: row for row, name in enumerate(names)}
    )
    model.save_pretrained(folder)
    vocabulary = {word: row for row, word in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").split())}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]  # the property has a setter
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64
    ).save_pretrained(folder)
    return folder


def score(checkpoint: Path, rows: int, folder: Path, seed: int) -> Scored:
    """Make a file of so many rows, score it, and remove it."""
    folder.mkdir()
    file = folder / "many.parquet"
    characters = write_long_texts(file, rows, seed)
    out = folder / "out"
    words = [
        *("evaluate", checkpoint, "--task", "tiny", "--plugin", PLUGIN, "--eval-set", f"{SET}={file}:shift"),
        *("--max-length", MAX_LENGTH, "--out", out),
    ]
    process = measured([sys.executable, "-m", "benchmark", *map(str, words)], environment(), folder)
    records = find_records(out)
    record = read_record(records[0]) if process.code == 0 and len(records) == 1 else None
    logits = records[0].parent / "logits" / f"{SET}.npz" if record is not None else None
    size = 0 if logits is None else logits.stat().st_size
    shutil.rmtree(folder)
    return Scored(rows, characters, process, record, size)


def report_of(few: Scored, many: Scored) -> Report:
    """What scoring a small and a large set took."""
    failed = [scored for scored in (few, many) if scored.record is None]
    growth = many.process.peak_bytes - few.process.peak_bytes
    of_logits = many.logits_bytes - few.logits_bytes
    small = growth <= MOST_GROWTH * of_logits
    recorded = all(0 < scored.recorded <= scored.process.peak_bytes for scored in (few, many))
    summary = [
        f"{many.rows:,} texts of {SHORTEST} to {LONGEST:,} characters were scored after {few.rows:,}; the texts are "
        f"{(many.characters - few.characters) / MIB:.0f} MiB more.",
        f"The peak of resident memory grew by {growth / MIB:.0f} MiB, stored logits and labels by "
        f"{of_logits / MIB:.0f} MiB: {growth / max(1, of_logits):.1f} bytes for each of theirs; "
        f"at most {MOST_GROWTH} pass.",
        f"The peak memory in the record is {'' if recorded else '**not** '}there and within what was seen from "
        "outside; it leaves out start-up, and reading and checking the file.",
        *(f"**{scored.rows:,} rows were not scored**: {_last_line(scored.process.err)}" for scored in failed),
    ]
    rows = [
        [
            f"{scored.rows:,}",
            f"{scored.characters / MIB:.0f}",
            f"{scored.logits_bytes / MIB:.1f}",
            f"{scored.process.peak_bytes / MIB:.0f}",
            f"{scored.recorded / MIB:.0f}",
            f"{scored.process.seconds:.0f}",
        ]
        for scored in (few, many)
    ]
    columns = ["Rows", "Texts, MiB", "Logits and labels, MiB", "Peak, MiB", "Peak in the record, MiB", "Seconds"]
    return Report("Memory of large evaluation sets", summary, columns, rows, small and recorded and not failed)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["(it said nothing)"])[-1]


def main() -> int:
    """Score both sets and report."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--rows", type=int, nargs=2, default=(100_000, 1_000_000), metavar=("FEW", "MANY"), help="rows of the sets"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = write_checkpoint(Path(folder) / "checkpoint")
        few, many = (score(checkpoint, rows, Path(folder) / str(rows), arguments.seed) for rows in arguments.rows)
    return conclude(report_of(few, many), arguments)


if __name__ == "__main__":
    sys.exit(main())

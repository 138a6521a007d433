"""What white-box attacks see of a classifier: tokens, input embeddings and the gradient of its loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import UserError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class TokenGradient:
    """One text or pair as the model reads it, and the gradient of its loss.

    Attributes:
        token_ids: (L,) the tokens, special ones included, cut at the model's maximum length.
        part: (L,) 0 for tokens of the first text, 1 for those of the second, -1 for special ones.
        offsets: (L, 2) first character of a token in its part, and the one after its last.
        gradient: (L, H) of the loss with respect to the tokens' input embeddings.
    """

    token_ids: NDArray[np.int64]
    part: NDArray[np.int64]
    offsets: NDArray[np.int64]
    gradient: NDArray[np.float32]


class WhiteBox:
    """A classifier with its tokenizer, open for attacks that use gradients."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        """Open a classifier.

        Args:
            model: a sequence classifier; it is put into evaluation mode while gradients are taken.
            tokenizer: the model's own, of the fast kind, which says which characters a token stands for.
            max_length: tokens; longer texts are cut.

        Raises:
            UserError: the tokenizer is not of the fast kind.
        """
        if not tokenizer.is_fast:
            raise UserError(
                f"the model's tokenizer {type(tokenizer).__name__} does not say which characters a token stands for,"
                " which an attack with gradients needs; give the checkpoint a tokenizer.json."
            )
        self._model = model
        self._tokenizer = tokenizer
        self._max_length = max_length

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(V, H) the input embedding of every token."""
        weight: torch.Tensor = self._model.get_input_embeddings().weight
        found: NDArray[np.float32] = weight.detach().float().cpu().numpy()
        return found

    def gradient(self, text: str | tuple[str, str]) -> TokenGradient:
        """Gradient of the cross-entropy loss of the class that the model predicts.

        Without dropout, and without a trace in the model: neither gradients of its parameters nor its mode change.
        For a text that is classified rightly this is the gradient of the true class's loss.

        Raises:
            UserError: the model does not look its input embeddings up exactly once.
        """
        import torch

        texts = (text,) if isinstance(text, str) else text
        encoded = self._tokenizer(
            *texts,
            truncation=True,
            max_length=self._max_length,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        inputs = {
            name: torch.tensor([encoded[name]], device=self._model.device)
            for name in self._tokenizer.model_input_names
            if name in encoded
        }
        looked_up: list[torch.Tensor] = []

        def cut_the_graph(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
            looked_up.append(output.detach().requires_grad_())
            return looked_up[-1]

        was_training = self._model.training
        self._model.eval()
        hook = self._model.get_input_embeddings().register_forward_hook(cut_the_graph)
        try:
            with torch.enable_grad():
                logits = self._model(**inputs).logits
                if len(looked_up) != 1:
                    raise UserError(
                        f"an attack with gradients cannot be run on {type(self._model).__name__}: it looks its input"
                        f" embeddings up {len(looked_up)} times, once was expected."
                    )
                loss = torch.nn.functional.cross_entropy(logits.float(), logits.argmax(dim=-1))
                (gradient,) = torch.autograd.grad(loss, looked_up)
        finally:
            hook.remove()
            self._model.train(was_training)
        parts = [
            -1 if special or part is None else part
            for part, special in zip(encoded.sequence_ids(0), encoded["special_tokens_mask"], strict=True)
        ]
        return TokenGradient(
            token_ids=np.array(encoded["input_ids"], np.int64),
            part=np.array(parts, np.int64),
            offsets=np.array(encoded["offset_mapping"], np.int64).reshape(-1, 2),
            gradient=gradient[0].float().cpu().numpy(),
        )

    def whole_words(self) -> list[str]:
        """Words of letters only that the vocabulary may have as one token, in alphabetical order.

        A candidate list: pieces of words are among them where the tokenizer does not mark pieces;
        :meth:`single_tokens` tells what a word becomes in its place.
        """
        special = set(self._tokenizer.all_special_ids)
        ids = [[index] for index in sorted(set(self._tokenizer.get_vocab().values()) - special)]
        written = (entry.strip() for entry in self._tokenizer.batch_decode(ids))
        return sorted({entry for entry in written if entry.isalpha()})

    def single_tokens(self, words: Sequence[str], before: str) -> NDArray[np.int64]:
        """The token that each word becomes after a piece of text; -1 where it becomes several, or an unknown one.

        Args:
            words: one word each.
            before: what stands before the word: "" at the start of a text, "a " after another word.
        """
        if len(words) == 0:
            return np.zeros(0, np.int64)
        encoded = self._tokenizer(
            [before + word for word in words], add_special_tokens=False, return_offsets_mapping=True
        )
        found = np.full(len(words), -1, np.int64)
        for row, (word, ids, offsets) in enumerate(
            zip(words, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ):
            start, end = len(before), len(before) + len(word)
            touching = [
                (index, token_start)
                for index, (token_start, token_end) in zip(ids, offsets, strict=True)
                if token_start < end and token_end > start and token_start < token_end
            ]
            # A token may hold the space before the word, but no other character of what stands there.
            if len(touching) != 1:
                continue
            token, token_start = touching[0]
            if before[token_start:].strip() == "" and token != self._tokenizer.unk_token_id:
                found[row] = token
        return found

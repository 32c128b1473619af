"""The notebook's way of asking: let the model write, then look for a label in what it wrote.

Kept to show what label likelihoods gain. Nothing else in this project parses generated text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from monitor.batching import Frame, pack, plan_batches
from monitor.labels import EMOTIONS
from monitor.models import LoadedModel
from monitor.network import LlamaNetwork, PrefixCache
from monitor.prompts import PromptEncoder, PromptTemplate
from monitor.scoring import CPU_TOKENS, CUDA_TOKENS

NEW_TOKENS = 10
Rows = list[npt.NDArray[np.int32]]


def generate_labels(
    model: LoadedModel, texts: Sequence[str], progress: Callable[[int], None] | None = None
) -> npt.NDArray[np.int64]:
    """Greedy answers of up to NEW_TOKENS tokens, parsed: index into EMOTIONS, or 6 where no label was written; (n,).

    Writing ends early where a label has been written, which is all that is read of an answer, or where the model
    writes a special token (the end of its turn).
    """
    encoder, network = PromptEncoder(model.prompt, model.tokenizer), model.network
    prefix = network.prefix_cache(encoder.prefix_ids)
    suffix = np.array(encoder.suffix_ids, dtype=np.int32)
    room = network.shape.max_positions - prefix.length - len(suffix) - NEW_TOKENS
    distinct = list(dict.fromkeys(texts))
    bodies, _, _ = encoder.encode_texts(distinct, min(model.max_text_tokens, room))
    prompts = [np.concatenate([body, suffix]) for body in bodies]
    ends = {index for index, token in model.tokenizer.get_added_tokens_decoder().items() if token.special}
    written: list[list[int]] = [[] for _ in distinct]
    answers = np.full(len(distinct), len(EMOTIONS))
    running = np.arange(len(distinct))
    head = network.head.float()
    for _ in range(NEW_TOKENS):
        blocks = [np.concatenate([prompts[row], np.array(written[row], np.int32)]) for row in running]
        going = []
        for row, token in zip(running, _next_tokens(network, prefix, blocks, head), strict=True):
            if token in ends:
                continue
            written[row].append(int(token))
            answers[row] = parse(model.tokenizer.decode(written[row]), model.prompt)
            if answers[row] == len(EMOTIONS):
                going.append(row)
        if progress is not None:
            progress(len(running) - len(going))
        running = np.array(going, dtype=np.int64)
        if not len(running):
            break
    if progress is not None:
        progress(len(running) + len(texts) - len(distinct))
    places = {text: place for place, text in enumerate(distinct)}
    return np.asarray(answers[[places[text] for text in texts]], dtype=np.int64)


def parse(answer: str, template: PromptTemplate) -> int:
    """The emotion whose label word an answer names first, letter case aside, or 6 where it names none."""
    words = {
        word.strip().casefold(): label
        for label, emotion in enumerate(EMOTIONS)
        for word in template.verbalizers[emotion]
    }
    found = re.search(rf"\b(?:{'|'.join(map(re.escape, words))})\b", answer.casefold())
    return words[found[0]] if found else len(EMOTIONS)


@torch.inference_mode()
def _next_tokens(
    network: LlamaNetwork, prefix: PrefixCache, blocks: Rows, head: torch.Tensor
) -> npt.NDArray[np.int64]:
    """The likeliest token after each block of tokens; (n,)."""
    nothing = np.empty(0, dtype=np.int32)
    frame, alone = Frame(nothing, nothing, nothing, prefix.length), np.empty((0, 0), dtype=np.bool_)
    tokens = np.empty(len(blocks), dtype=np.int64)
    budget = CUDA_TOKENS if network.device.type == "cuda" else CPU_TOKENS
    for rows in plan_batches([len(block) for block in blocks], budget):
        hidden = network.hidden(pack([blocks[row] for row in rows], frame), prefix, alone)
        tokens[rows] = (hidden @ head.T).argmax(dim=1).cpu().numpy()
    return tokens

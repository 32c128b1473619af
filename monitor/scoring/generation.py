"""The replaced notebook's method: let the model generate, then search its text for a label.

The evaluation compares label likelihoods with this method. No other module of this project parses generated text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch

from monitor.labels import EMOTIONS
from monitor.model.answer_parsing import parse
from monitor.model.prompts import PromptEncoder
from monitor.scoring.batching import Frame, pack, plan_batches
from monitor.scoring.llama import LlamaNetwork, PrefixCache
from monitor.scoring.loading import LoadedModel
from monitor.scoring.scorer import CPU_TOKENS, CUDA_TOKENS, MIN_TOKENS

NEW_TOKENS = 10
Rows = list[npt.NDArray[np.int32]]


def generate(model: LoadedModel, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> list[str]:
    """Greedy answers of up to NEW_TOKENS tokens, in input order.

    Generation ends early at the first label, because later tokens are not read, or at a special token (the end of the
    model's turn).
    """
    encoder, network = PromptEncoder(model.prompt, model.tokenizer), model.network
    prefix = network.prefix_cache(encoder.prefix_ids)
    suffix = np.array(encoder.suffix_ids, dtype=np.int32)
    room = network.shape.max_positions - prefix.length - len(suffix) - NEW_TOKENS
    distinct = list(dict.fromkeys(texts))
    bodies, _, _ = encoder.encode_texts(distinct, min(model.max_text_tokens, room))
    blocks = [np.concatenate([body, suffix]) for body in bodies]
    ends = {index for index, token in model.tokenizer.get_added_tokens_decoder().items() if token.special}
    written: list[list[int]] = [[] for _ in distinct]
    running, head = list(range(len(distinct))), network.head.float()
    for _ in range(NEW_TOKENS):
        going = []
        tokens = _next_tokens(network, prefix, [blocks[row] for row in running], head)
        for row, token in zip(running, tokens, strict=True):
            if token in ends:
                continue
            written[row].append(int(token))
            blocks[row] = np.append(blocks[row], np.int32(token))
            if parse(model.tokenizer.decode(written[row]), model.prompt) == len(EMOTIONS):
                going.append(row)
        if progress is not None:
            progress(len(running) - len(going))
        running = going
        if not running:
            break
    if progress is not None:
        progress(len(running) + len(texts) - len(distinct))
    answers = {text: model.tokenizer.decode(ids) for text, ids in zip(distinct, written, strict=True)}
    return [answers[text] for text in texts]


def _next_tokens(
    network: LlamaNetwork, prefix: PrefixCache, blocks: Rows, head: torch.Tensor
) -> npt.NDArray[np.int64]:
    """The likeliest token after each block of tokens; (n,). The CPU computes one batch per core, as in scoring."""
    nothing = np.empty(0, dtype=np.int32)
    frame, alone = Frame(nothing, nothing, nothing, prefix.length), np.empty((0, 0), dtype=np.bool_)
    cuda, tokens = network.device.type == "cuda", np.empty(len(blocks), dtype=np.int64)
    lengths = np.array([len(block) for block in blocks])
    cores = 1 if cuda else torch.get_num_threads()
    budget = CUDA_TOKENS if cuda else min(CPU_TOKENS, max(MIN_TOKENS, int(lengths.sum()) // cores + 1))

    @torch.inference_mode()
    def answer(rows: npt.NDArray[np.int64]) -> None:
        hidden = network.hidden(pack([blocks[row] for row in rows], frame), prefix, alone)
        tokens[rows] = (hidden @ head.T).argmax(dim=1).cpu().numpy()

    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(answer, plan_batches(lengths, budget)))
    finally:
        torch.set_num_threads(threads)
    return tokens

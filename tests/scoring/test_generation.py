"""Generated answers: greedy, as transformers writes them, and no longer than they are read."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from monitor.model.prompts import PromptEncoder
from monitor.scoring.generation import NEW_TOKENS, generate
from monitor.scoring.loading import load_model
from monitor.scoring.weights import quantise_nf4
from tests.support.evaluated import tiny_llama_chat
from tests.support.tiny_models import SENTENCES


@pytest.mark.slow
def test_answers_are_those_of_transformers_greedy_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.scoring.loading.multiplies_bf16", lambda: False)  # in bf16 tokens may tie
    folder = tiny_llama_chat(tmp_path / "base")
    model = load_model(folder, device="cpu")
    done: list[int] = []
    texts = [*SENTENCES, "", SENTENCES[0]]
    answers = generate(model, texts, done.append)
    assert sum(done) == len(texts)
    network = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for name, parameter in network.named_parameters():
        if "_proj" in name:
            parameter.data = quantise_nf4(parameter.data).dequantise()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = PromptEncoder(model.prompt, model.tokenizer)
    bodies, _, _ = encoder.encode_texts(texts, 256)
    for body, answer in zip(bodies, answers, strict=True):
        ids = torch.tensor([[*encoder.prefix_ids, *body.tolist(), *encoder.suffix_ids]])
        whole = network.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False)
        expected = tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True)
        assert answer != ""
        assert expected.startswith(answer)

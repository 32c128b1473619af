"""The methods that this project replaces, for comparison: transformers models, padded batches, an encoder.

The GPU runs a TinyLlama-shaped model in NF4 with an unmerged LoRA adapter, as the replaced notebook did. The CPU runs
an encoder of DistilBERT's size, and the embedded model in padded, unsorted batches. All others have random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from monitor.model.prompts import PromptEncoder
from monitor.scoring.bitsandbytes_loader import bitsandbytes
from monitor.scoring.llama import LlamaNetwork, LlamaShape

Ids = list[npt.NDArray[np.int64]]


def whole_prompts(encoder: PromptEncoder, texts: Sequence[str], max_text_tokens: int = 256) -> Ids:
    """The full prompt of each text, prefix and suffix included."""
    bodies, _, _ = encoder.encode_texts(texts, max_text_tokens)
    head, tail = np.array(encoder.prefix_ids), np.array(encoder.suffix_ids)
    return [np.concatenate([head, body, tail]).astype(np.int64) for body in bodies]


def transformers_llama(shape: LlamaShape) -> Any:
    """A random transformers Llama of the given shape, in fp32 on the CPU."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads.query,
        num_key_value_heads=shape.heads.key,
        head_dim=shape.heads.size,
        max_position_embeddings=shape.max_positions,
        rms_norm_eps=shape.norm_eps,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": shape.inverse_frequencies[1] ** (-shape.heads.size / 2),
        },
        tie_word_embeddings=True,
        use_cache=False,
    )
    return LlamaForCausalLM(config).eval()


def notebook_llama(shape: LlamaShape) -> Any:
    """A random Llama on the GPU as the notebook loaded it: NF4 linear layers, LoRA on q, k, v and o."""
    from peft import LoraConfig, get_peft_model

    names = ["q_proj", "k_proj", "v_proj", "o_proj"]
    return get_peft_model(nf4_llama(shape), LoraConfig(r=16, lora_alpha=32, target_modules=names)).eval()


def nf4_llama(shape: LlamaShape) -> Any:
    """A random transformers Llama on the GPU, its linear layers in NF4 with bf16 products."""
    nn4 = bitsandbytes("nn")
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        network = transformers_llama(shape)
        torch.set_default_dtype(torch.float32)
    for parent in list(network.model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                packed = nn4.Linear4bit(
                    child.in_features,
                    child.out_features,
                    bias=False,
                    compute_dtype=torch.bfloat16,
                    compress_statistics=True,
                    quant_type="nf4",
                    device="meta",
                )
                packed.weight = nn4.Params4bit(
                    child.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4"
                ).cuda()
                setattr(parent, name, packed)
    return network


@torch.inference_mode()
def generate_one_at_a_time(network: Any, prompts: Ids) -> None:
    """Generate 10 tokens for one prompt after another, as the notebook did."""
    for ids in prompts:
        row = torch.from_numpy(ids)[None].to("cuda")
        network.generate(
            input_ids=row,
            attention_mask=torch.ones_like(row),
            max_new_tokens=10,
            min_new_tokens=10,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
        )


@torch.inference_mode()
def padded_llama(
    network: Any, prompts: Ids, batch: int, *, ordered: bool, last_only: bool
) -> npt.NDArray[np.float32]:
    """Run padded batches, in input order or sorted by length, with all logits or the last ones only.

    Returns:
        (n, vocabulary) logits after each prompt, in input order.
    """
    order = np.argsort([-len(ids) for ids in prompts]) if ordered else np.arange(len(prompts))
    device = next(network.parameters()).device
    logits_of: list[torch.Tensor] = []
    for start in range(0, len(prompts), batch):
        rows = [prompts[i] for i in order[start : start + batch]]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, -len(row) :] = torch.from_numpy(row)
            mask[index, -len(row) :] = 1
        options = {"logits_to_keep": 1} if last_only else {}
        logits = network(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False, **options).logits
        logits_of.append(logits[:, -1].float().cpu())
    in_order = np.empty((len(prompts), logits_of[0].shape[1]), dtype=np.float32)
    in_order[order] = torch.cat(logits_of).numpy()
    return in_order


def distilbert() -> Any:
    """A random encoder of DistilBERT's shape: 66 million parameters, in fp32 on the CPU."""
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    return DistilBertForSequenceClassification(DistilBertConfig(vocab_size=32000, n_layers=6, num_labels=6)).eval()


@torch.inference_mode()
def padded_encoder(network: Any, texts: Ids) -> None:
    """Classify texts in padded batches of 64, sorted by length."""
    batch = 64
    order = np.argsort([-len(ids) for ids in texts])
    for start in range(0, len(texts), batch):
        rows = [texts[i] for i in order[start : start + batch]]
        ids = torch.zeros(len(rows), len(rows[0]), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.from_numpy(row)
            mask[index, : len(row)] = 1
        network(input_ids=ids, attention_mask=mask)


def as_transformers(network: LlamaNetwork) -> Any:
    """A transformers Llama in fp32 with the weights of one of ours (dense), the folded norms set to one."""
    shape = network.shape
    theirs = transformers_llama(shape)
    n = shape.heads.query * shape.heads.size
    k = shape.heads.key * shape.heads.size
    with torch.no_grad():
        theirs.model.embed_tokens.weight.copy_(network.embedding)
        theirs.model.norm.weight.copy_(network.norm)
        for mine, layer in zip(network.layers, theirs.model.layers, strict=True):
            qkv = mine.qkv.weight.split([n, k, k])  # type: ignore[union-attr]
            for name, weight in zip("qkv", qkv, strict=True):
                getattr(layer.self_attn, f"{name}_proj").weight.copy_(weight)
            layer.self_attn.o_proj.weight.copy_(mine.output.weight)  # type: ignore[union-attr]
            gate, up = mine.gate_up.weight.chunk(2)  # type: ignore[union-attr]
            layer.mlp.gate_proj.weight.copy_(gate)
            layer.mlp.up_proj.weight.copy_(up)
            layer.mlp.down_proj.weight.copy_(mine.down.weight)  # type: ignore[union-attr]
    return theirs

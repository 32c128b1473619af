"""Training steps without padding: all texts of a step in one sequence after a single copy of the prompt's prefix.

A token sees the prefix and the earlier tokens of its own text. Autograd sums the gradients of all texts at the shared
prefix, so loss and gradients equal those of separate texts. With prompts of 60 tokens and texts of 22 tokens a packed
step does a third of the work. The frozen matrices are fused (q, k, v; gate, up) and get no gradient. On CUDA each
step size is recorded once as a graph and replayed, so that the GPU does not wait for Python.

Letters in shapes: T tokens of a sequence, P positions that are read, W wanted tokens, A symptoms answers, H query
heads, K key heads, D head dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from monitor.model.symptoms import SymptomTokens
from monitor.scoring.batching import plan_batches
from monitor.scoring.bitsandbytes_loader import bitsandbytes
from monitor.scoring.weight_matrices import Dense, Nf4, Scratch, StoredNf4, can_fuse
from monitor.training.answers import Answers, Row, answer_directions, criteria_loss
from monitor.training.packed_rows import PackedRows

TOKENS = 1024  # of a sequence: attention grows with its square, and costs a tenth of the products at this length
SCORED_TOKENS = 4096  # of a sequence without gradients; with shorter ones the products would wait for Python
ACTIVATIONS = 8 * 2**30  # bytes reserved for the activations of a step
# The order matters: on an H100 a step of TinyLlama's shape takes 13.0 ms with the first, 14.4 ms with the second.
ATTENTION = [SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class _Frozen(torch.autograd.Function):
    """x (T, in) times a matrix without gradient; an NF4 matrix is decoded again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Dense) -> Tensor:
        ctx.matrix = matrix
        return matrix.times(x)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return slope @ ctx.matrix.weight, None


class AdaptedMatrix:
    """Linear layers with the same input, fused into one frozen matrix, with the low-rank updates of some layers.

    Args:
        layers: plain or 4-bit linear layers, or layers that peft wrapped.
        dtype: type of the products.
        scratch: the buffer into which NF4 is decoded at each use; None decodes once.
    """

    def __init__(self, layers: Sequence[Any], dtype: torch.dtype, scratch: Scratch | None) -> None:
        bases = [getattr(layer, "base_layer", layer) for layer in layers]
        parts = [_nf4(base.weight) for base in bases]
        stored = [part for part in parts if part]
        if scratch and len(stored) == len(parts):
            ones = torch.ones(bases[0].in_features, device=bases[0].weight.device)
            self.frozen: Dense = StoredNf4(stored, [None] * len(stored), ones, scratch, dtype)
        else:
            dense = [part.dequantise() if part else base.weight for part, base in zip(parts, bases, strict=True)]
            self.frozen = Dense(torch.cat([weight.detach().to(dtype) for weight in dense]))
        self._sizes = [base.out_features for base in bases]
        self._adapters = [layer if hasattr(layer, "lora_A") else None for layer in layers]
        first = next((layer for layer in self._adapters if layer is not None), None)
        self._scale = first.scaling["default"] if first else 0.0
        self._dropout = getattr(first.lora_dropout["default"], "p", 0.0) if first else 0.0

    def __call__(self, x: Tensor, training: bool) -> Tensor:
        """(T, in) -> (T, out); the layers share one dropout mask."""
        y: Tensor = _Frozen.apply(x, self.frozen)  # type: ignore[no-untyped-call]
        if not self._scale:
            return y
        adapted = [layer for layer in self._adapters if layer is not None]
        down = torch.cat([layer.lora_A["default"].weight for layer in adapted]).to(x.dtype)
        low = F.linear(F.dropout(x, self._dropout, training=training), down)
        ups = [
            layer.lora_B["default"].weight if layer is not None else low.new_empty(size, 0)
            for layer, size in zip(self._adapters, self._sizes, strict=True)
        ]
        up = (torch.block_diag(*ups) if len(ups) > 1 else ups[0]).to(x.dtype)  # type: ignore[no-untyped-call]
        return torch.addmm(y, low, up.T, alpha=self._scale)


def _nf4(weight: Tensor) -> Nf4 | None:
    """A 4-bit parameter of bitsandbytes with its doubly quantised scales restored; None for a dense parameter."""
    state = getattr(weight, "quant_state", None)
    if state is None:
        return None
    scales = state.absmax
    if state.nested:
        scales = bitsandbytes("functional").dequantize_blockwise(state.absmax, state.state2) + state.offset
    return Nf4(weight.data.reshape(-1), scales.float(), state.code.float(), tuple(state.shape))


def can_train_packed(network: Any) -> bool:
    """Whether `PackedTrainer` can train a network: frozen Llama or Mistral with an adapter, on a GPU with bf16."""
    if not hasattr(network, "get_base_model"):
        return False
    config = network.get_base_model().config
    plain = config.rope_parameters["rope_type"] == "default" and not getattr(config, "attention_bias", False)
    supported = config.model_type in ("llama", "mistral") and not getattr(config, "mlp_bias", False)
    return bool(plain and supported) and can_fuse(next(network.parameters()).device)


class PackedTrainer:
    """The loss of rows that share a prompt's prefix, and the gradients of the loss.

    Args:
        network: a Llama or Mistral of transformers with peft's adapter; all but the adapter is frozen.
        n_prefix: number of tokens that begin every row.
        dtype: type of the products.
        symptoms: tokens of the symptoms question, if rows have the question.
    """

    def __init__(
        self, network: Any, n_prefix: int, dtype: torch.dtype, symptoms: SymptomTokens | None = None
    ) -> None:
        self._network, self._n_prefix, self._dtype = network, n_prefix, dtype
        causal = network.get_base_model()
        self._model, self._head = causal.model, causal.lm_head.weight.detach().to(dtype)
        self._directions = answer_directions(causal.lm_head.weight.detach(), symptoms)
        self._heads = (causal.config.num_attention_heads, causal.config.num_key_value_heads)
        self._eps = causal.config.rms_norm_eps
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._device = self._parameters[0].device
        scratch = None if _fits(self._model.layers, self._device) else Scratch()
        self._matrices = [
            [AdaptedMatrix(layers, dtype, scratch) for layers in _linears(layer)] for layer in self._model.layers
        ]
        for parameter in self._parameters:
            parameter.grad = torch.zeros_like(parameter)
        self._graphs: dict[tuple[int, ...], _Graph] = {}
        self._pool = torch.cuda.graph_pool_handle() if self._device.type == "cuda" else None

    def add_gradients(self, rows: list[Row]) -> Tensor:
        """Add the gradients of the rows' mean loss to the parameters; returns the loss in nats, on the device."""
        total = torch.zeros((), device=self._device)
        for part in self._parts(rows, TOKENS):
            packed = PackedRows([rows[i] for i in part], self._n_prefix)
            packed.weights /= len(rows)
            packed.criteria_weights /= len(rows)
            size = (packed.tokens.shape[1], len(packed.places), len(packed.weights))
            inputs = packed.to(self._device)
            if size in self._graphs:
                total += self._graphs[size].replay(inputs)
                continue
            total += self._run(*inputs)
            if self._device.type == "cuda":
                self._graphs[size] = _Graph(self._run, inputs, self._pool)
        return total

    @torch.no_grad()
    def read_rows(self, rows: list[Row]) -> Answers:
        """The network's answers to rows, as from `answers.read_rows`."""
        scores, owners, criteria, labelled = [], [], [], []
        for part in self._parts(rows, SCORED_TOKENS):
            packed = PackedRows([rows[i] for i in part], self._n_prefix)
            tokens, places, wanted, *_ = packed.to(self._device)
            log_p, answers = self._answers(tokens, places, wanted)
            scores.append(log_p[: packed.n_wanted])
            criteria.append(answers[torch.from_numpy(packed.answer_places).to(self._device)])
            owners += [i for i in part for _ in rows[i].positions]
            labelled += [i for i in part if rows[i].criteria is not None]
        order, order_labelled = (
            torch.from_numpy(np.argsort(np.array(of, np.int64), kind="stable")).to(self._device)
            for of in (owners, labelled)
        )
        owner = torch.tensor(owners, dtype=torch.long, device=self._device)
        return Answers(torch.cat(scores)[order], owner[order], torch.cat(criteria)[order_labelled])

    def _parts(self, rows: Sequence[Row], tokens: int) -> list[npt.NDArray[np.int64]]:
        """Divide the rows into sequences of at most `tokens` tokens; returns the indices of each sequence's rows."""
        room = max(tokens - self._n_prefix, tokens // 2)
        return plan_batches([len(row.ids) - self._n_prefix for row in rows], room)

    def _run(self, tokens: Tensor, places: Tensor, wanted: Tensor, weights: Tensor, *criteria: Tensor) -> Tensor:
        log_p, answers = self._answers(tokens, places, wanted)
        loss = -(log_p * weights).sum()
        if len(self._directions):
            loss = loss + criteria_loss(answers, *criteria)
        slopes = torch.autograd.grad(loss, self._parameters)
        torch._foreach_add_([p.grad for p in self._parameters], slopes)
        return loss.detach()

    def _answers(self, tokens: Tensor, places: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """(3, T) tokens, (P,) places and (2, W) wanted -> (W,) ln P and (P, A) symptoms answers, both in fp32."""
        ids, positions, owners = tokens
        visible = (owners == 0) | (owners[:, None] == owners)
        visible &= positions <= positions[:, None]
        mask = torch.zeros(visible.shape, dtype=self._dtype, device=visible.device)
        mask.masked_fill_(~visible, -torch.inf)
        angles = positions[:, None, None] * self._model.rotary_emb.inv_freq.float()
        cos, sin = angles.cos().to(self._dtype), angles.sin().to(self._dtype)
        turn = (torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1))
        model, training = self._model, self._network.training
        x = F.embedding(ids, model.embed_tokens.weight).to(self._dtype)
        for layer, (qkv, output, gate_up, down) in zip(model.layers, self._matrices, strict=True):
            mixed = self._attend(qkv(self._norm(x, layer.input_layernorm), training), turn, mask)
            if layer is model.layers[-1]:  # later steps need only these places
                x, mixed = x[places], mixed[places]
            x = x + output(mixed, training)
            gate, up = gate_up(self._norm(x, layer.post_attention_layernorm), training).chunk(2, dim=-1)
            x = x + down(F.silu(gate) * up, training)
        x = self._norm(x, model.norm)
        log_p = F.linear(x, self._head).float().log_softmax(dim=-1)
        places_of, tokens_of = wanted
        wanted_log_p = log_p.flatten().gather(0, places_of * log_p.shape[1] + tokens_of)
        if not len(self._directions):  # a prompt without the symptoms question
            return wanted_log_p, wanted_log_p.new_zeros(len(x), 0)
        return wanted_log_p, F.linear(x.float(), self._directions)

    def _attend(self, qkv: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """(T, (H + 2K) D) -> (T, H D)."""
        h, k = self._heads
        # Split instead of slicing: the gradient of a slice is a whole array of zeros.
        both, values = torch.split(qkv.view(len(qkv), h + 2 * k, -1), [h + k, k], dim=1)
        turned = torch.addcmul(both * turn[0], both.roll(both.shape[2] // 2, -1), turn[1])
        queries, keys = torch.split(turned, [h, k], dim=1)
        keys, values = (
            part[:, :, None].expand(-1, -1, h // k, -1).flatten(1, 2).transpose(0, 1)[None] for part in (keys, values)
        )
        with sdpa_kernel(ATTENTION, set_priority=True):
            mixed = F.scaled_dot_product_attention(queries.transpose(0, 1)[None], keys, values, attn_mask=mask)
        return mixed[0].transpose(0, 1).flatten(1)

    def _norm(self, x: Tensor, norm: Any) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], norm.weight.to(x.dtype), self._eps)


class _Graph:
    """A CUDA graph of one training step for inputs of one size. Each replay adds to the same gradients."""

    def __init__(self, run: Callable[..., Tensor], inputs: list[Tensor], pool: Any) -> None:
        self._inputs = [part.clone() for part in inputs]
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):  # graphs share memory, since they never run at once
            self._loss = run(*self._inputs)

    def replay(self, inputs: list[Tensor]) -> Tensor:
        """The run's result on other inputs of the same size; the next graph may overwrite it."""
        torch._foreach_copy_(self._inputs, inputs)
        self._graph.replay()
        return self._loss


def _linears(layer: Any) -> list[list[Any]]:
    """The linear layers of a decoder layer, grouped by input."""
    attn, mlp = layer.self_attn, layer.mlp
    return [
        [attn.q_proj, attn.k_proj, attn.v_proj],
        [attn.o_proj],
        [mlp.gate_proj, mlp.up_proj],
        [mlp.down_proj],
    ]


def _fits(layers: Any, device: torch.device) -> bool:
    """Whether the frozen matrices in bf16 and the activations of a step fit into free memory."""
    if device.type == "cpu":
        return True
    values = sum(
        linear.in_features * linear.out_features
        for linears in map(_linears, layers)
        for group in linears
        for linear in group
    )
    free, _ = torch.cuda.mem_get_info(device)
    return bool(2 * values + ACTIVATIONS < free)

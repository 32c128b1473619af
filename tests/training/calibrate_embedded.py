"""Make a model folder of trained adapters: their mean, calibrated; no test.

    python -m tests.training.calibrate_embedded OUT MODEL... --weights 0.4 0.3 0.3 --data ../shared/data

Each MODEL is what `tests.training.retrain_embedded` wrote from one start, or that start. The mean of adapters that
began alike often answers better than each (model soups, Wortsman et al. 2022). Probabilities and limits
are fitted as `train` does, but on hand p of the symptom corpus, because the base saw the validation hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from peft import set_peft_model_state_dict
from safetensors.torch import load_file

from monitor.corpora.symptom_mixture import SymptomSettings
from monitor.corpora.symptoms import load_symptoms
from monitor.model.files import read_tokenizer
from monitor.model.prompts import PromptEncoder
from monitor.training import continued
from monitor.training.checkpoint import load_trainable, save_model
from monitor.training.finetuning import attach_adapter
from monitor.training.fitted import fit_answers
from monitor.training.prepare import prepare
from monitor.training.recipe import read_recipe

CALIBRATED_ON = "p"
MADE_BY_TEACHERS = ("units_file", "posts_file", "topics_file")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+", help="Model folders with adapters of one base.")
    parser.add_argument("--weights", nargs="+", type=float, help="One a model; alike if not given.")
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    recipe = read_recipe("embedded", {})
    recipe = recipe._replace(
        files={key: name for key, name in recipe.files.items() if key not in MADE_BY_TEACHERS},
        symptoms=SymptomSettings(),
    )
    prepared = prepare(str(given.data / "emotion"), recipe, None, None)
    test = load_symptoms("embedded")["test"]
    prepared = prepared._replace(
        symptoms=test.select(np.array([hand == CALIBRATED_ON for hand in test.hands], np.bool_))
    )
    sources = [continued.open_source(None, model) for model in given.models]
    source = sources[0]
    adapters = [one.adapter for one in sources if one.adapter is not None]
    parts = [load_file(adapter / "adapter_model.safetensors") for adapter in adapters]
    weights = torch.tensor(given.weights or [1 / len(parts)] * len(parts))
    if len(weights) != len(parts):
        parser.error(f"--weights: {len(weights)} weights for {len(parts)} adapters; give one a model")
    mean = {
        key: torch.tensordot(weights / weights.sum(), torch.stack([part[key].float() for part in parts]), dims=1)
        for key in parts[0]
    }
    settings = continued.settings_of(adapters[0], recipe.adapter)
    network = attach_adapter(load_trainable(source.base, torch.device("cpu"), dense=True), settings)
    set_peft_model_state_dict(network, mean)
    network.eval()
    encoder = PromptEncoder(source.manifest.prompt, read_tokenizer(source.base))
    fitted = fit_answers(network, encoder, prepared, recipe.calibration, settings.max_text_tokens, print)
    prompt = source.manifest.prompt
    save_model(network, source, given.out, name="emotion-llama", prompt=prompt, **fitted._asdict())
    seen = [continued.trained_before(one) for one in sources]
    np.save(given.out / continued.TRAINING_LIST, np.unique(np.concatenate(seen)))


if __name__ == "__main__":
    main()

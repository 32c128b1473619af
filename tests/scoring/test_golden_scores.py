"""P(emotion) of the embedded model for twenty invented texts, as written down in golden/embedded_model.json.

`UPDATE_GOLDEN=1 pytest tests/scoring/test_golden_scores.py` rewrites the file, for a new model.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.labels import EMOTIONS
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer

GOLDEN = Path(__file__).parent / "golden" / "embedded_model.json"
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 2e-2}  # CPUs that multiply in bf16 use it


@pytest.mark.parametrize("use_bf16", [False, None], ids=["fp32", "as this CPU does"])
def test_the_embedded_model_gives_the_probabilities_written_down(
    use_bf16: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if use_bf16 is not None:
        monkeypatch.setattr("monitor.scoring.loading.multiplies_bf16", lambda: use_bf16)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    model = load_model("embedded", device="cpu")
    scored = LabelScorer(model).score([row["text"] for row in golden["rows"]]).probabilities
    if os.environ.get("UPDATE_GOLDEN") == "1" and use_bf16 is False:
        rows = [
            {"text": row["text"], "p": dict(zip(EMOTIONS, np.round(p, 6).tolist(), strict=True))}
            for row, p in zip(golden["rows"], scored, strict=True)
        ]
        written = json.dumps({"model_id": model.model_id, "rows": rows}, indent=1, ensure_ascii=False)
        GOLDEN.write_text(written + "\n", encoding="utf-8")
        golden = json.loads(written)
    assert golden["model_id"] == model.model_id
    assert len(golden["rows"]) == 20
    expected = [[row["p"][emotion] for emotion in EMOTIONS] for row in golden["rows"]]
    np.testing.assert_allclose(scored, expected, atol=TOLERANCE[model.network.dtype], rtol=0)

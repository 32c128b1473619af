-- name: score_card
-- purpose: how good the model is, and what it was held against, for the report's score card
-- grain: one row per method and metric of the card, of the whole test split
-- frame: the newest evaluation of the model, which is the only one kept
-- params: model_id
SELECT method, metric, value, lo, hi, reason, n, data, evaluated_at
FROM evaluations
WHERE model_id = $model_id
  AND split = 'test'
  AND metric IN ('accuracy', 'macro_f1', 'risk_macro_f1', 'risk_auroc', 'ece')
ORDER BY method, metric

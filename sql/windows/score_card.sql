-- name: score_card
-- purpose: the model's quality for the report's score card, and the data it was measured on
-- grain: one row per method and metric of the card, of the whole test split
-- frame: the newest measurement of each method on the data of the fine-tuned model's last measurement
-- params: model_id
SELECT method, metric, value, lo, hi, reason, n, data, evaluated_at
FROM evaluations
WHERE model_id = $model_id
  AND split = 'test'
  AND metric IN ('accuracy', 'macro_f1', 'risk_macro_f1', 'risk_auroc', 'ece')
  AND (data, n) = (
      SELECT (data, n)
      FROM evaluations
      WHERE model_id = $model_id AND split = 'test' AND metric = 'accuracy'
      ORDER BY method = 'fine_tuned' DESC, evaluated_at DESC
      LIMIT 1
  )
ORDER BY method, metric

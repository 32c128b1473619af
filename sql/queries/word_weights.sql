-- name: word_weights
-- purpose: the weights of the words of some documents; see sql/schema
-- grain: one row per document and word, in the order of the text
-- frame: none
-- params: model_id, doc_ids
SELECT
    doc_id,
    "first",
    "last",
    adds_high,
    criterion,
    adds_criterion
FROM word_weights
WHERE model_id = $model_id AND list_contains(CAST($doc_ids AS VARCHAR[]), doc_id)
ORDER BY doc_id, "first"

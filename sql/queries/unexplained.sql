-- name: unexplained
-- purpose: the documents among some ids whose words have no weights yet and whose texts are still stored
-- grain: one row per document, in the order of doc_ids
-- frame: none
-- params: model_id, doc_ids
SELECT
    d.doc_id,
    d.text,
    s.n_tokens
FROM documents AS d
JOIN scores AS s ON s.doc_id = d.doc_id AND s.model_id = $model_id
WHERE list_contains(CAST($doc_ids AS VARCHAR[]), d.doc_id)
  AND d.text IS NOT NULL
  AND NOT EXISTS (FROM word_weights AS w WHERE w.doc_id = d.doc_id AND w.model_id = $model_id)
ORDER BY list_position(CAST($doc_ids AS VARCHAR[]), d.doc_id)

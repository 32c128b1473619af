-- name: count_unscored
-- purpose: how many documents this model has yet to score
-- grain: one row
-- frame: none
-- params: model_id
SELECT count(*) AS n
FROM documents AS d
WHERE
    d.text IS NOT NULL
    AND NOT EXISTS (FROM scores AS s WHERE s.doc_id = d.doc_id AND s.model_id = $model_id)

-- name: count_unscored
-- purpose: number of documents that this model has not scored
-- grain: one row
-- frame: none
-- params: model_id
SELECT count(*) AS n
FROM documents AS d
WHERE
    d.text IS NOT NULL
    AND NOT EXISTS (FROM scores AS s WHERE s.doc_id = d.doc_id AND s.model_id = $model_id)

-- name: models_of_document
-- purpose: the models that scored a document, the latest first
-- grain: one row per model
-- frame: scores of one document
-- params: doc_id
SELECT model_id
FROM scores
WHERE doc_id = $doc_id
ORDER BY run_id DESC, scored_at DESC, model_id

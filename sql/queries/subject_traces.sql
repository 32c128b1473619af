-- name: subject_traces
-- purpose: strings to search for after these subjects are forgotten: ids and texts of their documents, without texts that
--          other subjects wrote too
-- grain: one row per document and superseded version, the longest texts first
-- frame: none
-- params: subjects, n
SELECT
    doc_id,
    given_id,
    text
FROM (
    SELECT doc_id, given_id, subject_id, text FROM documents
    UNION
    SELECT doc_id, given_id, subject_id, text FROM superseded_documents
) AS d
WHERE
    list_contains(CAST($subjects AS VARCHAR[]), subject_id)
    AND NOT EXISTS (FROM documents AS o WHERE o.text = d.text AND NOT list_contains(CAST($subjects AS VARCHAR[]), o.subject_id))
ORDER BY strlen(text) DESC NULLS LAST, doc_id
LIMIT $n

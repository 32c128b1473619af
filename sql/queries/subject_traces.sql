-- name: subject_traces
-- purpose: strings to search for after these subjects are forgotten: ids and texts of their documents, without texts that
--          other subjects wrote too
-- grain: one row per document, the longest texts first
-- frame: none
-- params: subjects, n
SELECT
    doc_id,
    text
FROM documents AS d
WHERE
    list_contains(CAST($subjects AS VARCHAR[]), subject_id)
    AND NOT EXISTS (FROM documents AS o WHERE o.text = d.text AND NOT list_contains(CAST($subjects AS VARCHAR[]), o.subject_id))
ORDER BY strlen(text) DESC NULLS LAST, doc_id
LIMIT $n

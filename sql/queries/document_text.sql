-- name: document_text
-- purpose: the id and text of a document (NULL: it was removed), and the code of its subject. The document is found if its id or
--          the id in its file is among `ids` (as given, and as pseudonyms), as is_whole says; if no document is, then by the
--          first characters of doc_id
-- grain: one row per matching document, two at most
-- frame: all matching documents, to see whether one of them has exactly this id
-- params: start, ids
WITH fitting AS (
    SELECT
        d.doc_id,
        d.text,
        c.code,
        list_has_any(CAST($ids AS VARCHAR[]), [d.doc_id, d.given_id]) AS is_whole
    FROM documents AS d
    LEFT JOIN codes AS c USING (subject_id)
    WHERE starts_with(d.doc_id, $start) OR list_has_any(CAST($ids AS VARCHAR[]), [d.doc_id, d.given_id])
)

SELECT
    doc_id,
    text,
    code,
    is_whole
FROM fitting
QUALIFY is_whole OR NOT bool_or(is_whole) OVER ()
LIMIT 2

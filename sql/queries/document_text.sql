-- name: document_text
-- purpose: the id and text of a document (NULL: it was removed), and the code of its subject; found by its id or the id that
--          the file gave, which are among `ids` (as given, and as pseudonyms), or by the first characters of doc_id where no id
--          is the whole of it
-- grain: one row per document that fits, two at most
-- frame: all documents that fit: whether one of them has exactly this id
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
    code
FROM fitting
QUALIFY is_whole OR NOT bool_or(is_whole) OVER ()
LIMIT 2

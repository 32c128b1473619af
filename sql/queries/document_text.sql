-- name: document_text
-- purpose: the id and text of a document (NULL: it was removed), and the code of its subject; found by doc_id, by the id that the
--          file gave, or by the first characters of doc_id where no id is the whole of it
-- grain: one row per document that fits, two at most
-- frame: all documents that fit: whether one of them has exactly this id
-- params: doc_id
SELECT
    d.doc_id,
    d.text,
    c.code
FROM documents AS d
LEFT JOIN codes AS c USING (subject_id)
WHERE starts_with(d.doc_id, $doc_id) OR d.given_id = $doc_id
QUALIFY
    d.doc_id = $doc_id
    OR d.given_id = $doc_id
    OR NOT bool_or(coalesce(d.doc_id = $doc_id OR d.given_id = $doc_id, false)) OVER ()
LIMIT 2

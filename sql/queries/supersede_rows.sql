-- name: supersede_rows
-- purpose: keep rows of the frame `incoming` that a later row of the same chunk replaces, as superseded versions
-- grain: one new row per row of `incoming` that is neither stored nor a superseded version yet
-- frame: all versions of the document, in the order of the rows: the numbers of the next ones
-- params: run_id, now
INSERT INTO superseded_documents BY NAME
SELECT
    i.doc_id,
    row_number() OVER (PARTITION BY i.doc_id ORDER BY i."row")
    + coalesce((SELECT max(version) FROM superseded_documents AS s WHERE s.doc_id = i.doc_id), 0) AS version,
    i.subject_id,
    i.posted_at,
    i.text,
    i.source,
    i.given_id,
    0 AS n_raised,
    $run_id AS run_id,
    CAST($now AS TIMESTAMP) AS ingested_at,
    $run_id AS superseded_by,
    CAST($now AS TIMESTAMP) AS superseded_at
FROM incoming AS i
WHERE
    NOT EXISTS (
        FROM superseded_documents AS s
        WHERE s.doc_id = i.doc_id AND s.posted_at = i.posted_at AND coalesce(s.text = i.text, true)
    )
    AND NOT EXISTS (
        FROM documents AS d
        WHERE d.doc_id = i.doc_id AND d.posted_at = i.posted_at AND coalesce(d.text = i.text, true)
    )

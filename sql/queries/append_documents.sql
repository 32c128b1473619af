-- name: append_documents
-- purpose: append the documents of the frame `incoming` whose doc_id is new
-- grain: one new row per doc_id not seen before
-- frame: none
-- params: run_id, now
INSERT INTO documents BY NAME
SELECT
    doc_id,
    subject_id,
    posted_at,
    text,
    source,
    given_id,
    $run_id AS run_id,
    CAST($now AS TIMESTAMP) AS ingested_at
FROM incoming
ANTI JOIN documents USING (doc_id)

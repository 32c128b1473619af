-- name: replace_documents
-- purpose: write the documents of the frame `incoming` over those that are stored under their doc_ids
-- grain: the rows of these doc_ids; each keeps its place in the table
-- frame: none
-- params: run_id, now
UPDATE documents AS d
SET
    posted_at = i.posted_at,
    text = i.text,
    source = i.source,
    run_id = $run_id,
    ingested_at = CAST($now AS TIMESTAMP)
FROM incoming AS i
WHERE i.doc_id = d.doc_id

-- name: supersede_documents
-- purpose: keep the stored documents that the documents of the frame `incoming` replace, as superseded versions
-- grain: one new row per doc_id of `incoming` that is stored
-- frame: all versions of the document: the number of the next one
-- params: run_id, now
INSERT INTO superseded_documents BY NAME
SELECT
    d.doc_id,
    1 + coalesce((SELECT max(version) FROM superseded_documents AS s WHERE s.doc_id = d.doc_id), 0) AS version,
    d.subject_id,
    d.posted_at,
    d.text,
    d.source,
    d.given_id,
    (SELECT count(*) FROM mentions AS m WHERE m.doc_id = d.doc_id AND m.state = 'raised') AS n_raised,
    d.run_id,
    d.ingested_at,
    $run_id AS superseded_by,
    CAST($now AS TIMESTAMP) AS superseded_at
FROM documents AS d
SEMI JOIN incoming USING (doc_id)

-- name: count_old_texts
-- purpose: number of texts, of rejects with the start of a row, and of notes in the case log that were taken in before a time
-- grain: one row
-- frame: none
-- params: before
SELECT
    (
        SELECT count(*)
        FROM (SELECT text, ingested_at FROM documents UNION ALL SELECT text, ingested_at FROM superseded_documents)
        WHERE text IS NOT NULL AND ingested_at < CAST($before AS TIMESTAMP)
    ) AS n_texts,
    (SELECT count(*) FROM rejects WHERE raw IS NOT NULL AND rejected_at < CAST($before AS TIMESTAMP)) AS n_rejects,
    (SELECT count(*) FROM case_log WHERE note IS NOT NULL AND "at" < CAST($before AS TIMESTAMP)) AS n_notes

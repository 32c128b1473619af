-- name: lacks_fingerprint
-- purpose: whether the fingerprint of the key is missing although a run since its introduction recorded one, as in a snapshot
--          and in copies of it; a database of before that time has older texts only
-- grain: one row
-- frame: none
-- params: none
SELECT
    NOT EXISTS (FROM pseudonyms)
    AND (EXISTS (FROM documents) OR EXISTS (FROM measures))
    AND (
        EXISTS (FROM documents WHERE ingested_at >= introduced.at)
        OR EXISTS (FROM measures WHERE ingested_at >= introduced.at)
        OR EXISTS (
            FROM runs
            WHERE status = 'done' AND job IN ('score', 'nightly', 'watch') AND started_at >= introduced.at
        )
    ) AS lacks_fingerprint
FROM (SELECT applied_at AS at FROM schema_version WHERE name = '013_pseudonyms') AS introduced

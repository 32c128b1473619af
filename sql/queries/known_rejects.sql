-- name: known_rejects
-- purpose: number of incoming rejects whose row was already rejected before the end of the last run that was done
-- grain: one row
-- frame: none
-- params: none
SELECT count(*) AS n
FROM incoming
WHERE content_id IN (
    SELECT content_id
    FROM rejects
    WHERE content_id IS NOT NULL AND rejected_at <= (SELECT max(finished_at) FROM runs WHERE status = 'done')
)

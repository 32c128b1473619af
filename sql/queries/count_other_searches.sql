-- name: count_other_searches
-- purpose: number of stored texts that were searched last with another list of crisis wording, and number of mentions of other
--          lists in texts that retention has removed, which cannot be searched again
-- grain: one row
-- frame: none
-- params: list_id
SELECT
    (
        SELECT count(*)
        FROM crisis_searches AS c
        JOIN documents AS d USING (doc_id)
        WHERE c.list_id <> $list_id AND d.text IS NOT NULL
    ) AS n_texts,
    (
        SELECT count(*)
        FROM mentions AS m
        JOIN documents AS d USING (doc_id)
        WHERE m.list_id <> $list_id AND d.text IS NULL
    ) AS n_kept

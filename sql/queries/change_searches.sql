-- name: change_searches
-- purpose: record that the documents of the frame `searched` were searched anew with this list of crisis wording, and which run
--          first raised their wording, if a message about a crisis alert of the person, or a look at it, came after that run began
-- grain: the rows of these documents
-- frame: none
-- params: list_id
UPDATE crisis_searches
SET
    list_id = $list_id,
    told_run = coalesce(
        told_run,
        (
            SELECT min(m.run_id)
            FROM mentions AS m
            JOIN runs AS r USING (run_id)
            JOIN alerts AS a USING (subject_id)
            LEFT JOIN case_log AS l USING (alert_id)
            WHERE
                m.doc_id = crisis_searches.doc_id
                AND m.state = 'raised'
                AND a.rule = 'crisis'
                AND greatest(a.told_at, l."at") >= r.started_at
        )
    )
WHERE doc_id IN (SELECT doc_id FROM searched)

-- name: unsent_crisis_texts
-- purpose: number of people whose alert of the crisis rule is not closed and was in a notification or acknowledged, and of whom
--          a text that can raise such an alert was scored since: the alert stays as it is, but somebody must read that text
-- grain: one row
-- frame: none
-- params: model_id, suicidal_limit
SELECT count(DISTINCT a.subject_id) AS n
FROM alerts AS a
WHERE
    a.model_id = $model_id
    AND a.rule = 'crisis'
    AND (a.state = 'acknowledged' OR a.state = 'open' AND a.told_at IS NOT NULL)
    AND EXISTS (
        FROM scores AS s
        WHERE
            s.model_id = a.model_id
            AND s.subject_id = a.subject_id
            AND s.scored_at > greatest(a.told_at, a.state_changed_at)
            AND (
                coalesce(s.s_suicidal >= $suicidal_limit, false)
                OR EXISTS (FROM mentions AS m WHERE m.doc_id = s.doc_id AND m.state = 'raised')
            )
    )

-- name: unsent_crisis_texts
-- purpose: number of people with a new crisis text: their crisis alert is not closed, it was in a notification or acknowledged, and
--          a text that can raise such an alert became known since. The alert stays as it is, but somebody must read that text
-- grain: one row
-- frame: texts posted up to and including as_of
-- params: model_id, as_of, suicidal_limit
SELECT count(DISTINCT a.subject_id) AS n
FROM alerts AS a
JOIN crisis_texts($model_id, $as_of, $suicidal_limit) AS t USING (subject_id)
WHERE
    a.model_id = $model_id
    AND a.rule = 'crisis'
    AND (a.state = 'acknowledged' OR a.state = 'open' AND a.told_at IS NOT NULL)
    AND t.known_at > greatest(
        a.told_at, a.state_changed_at, (SELECT max(l."at") FROM case_log AS l WHERE l.alert_id = a.alert_id)
    )

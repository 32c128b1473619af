-- name: unsent_late_crisis_texts
-- purpose: number of people with a crisis text that was read so late that their crisis alert was closed then, or closed in the
--          same update: no open alert shows that text, and no notification or look since covers it
-- grain: one row
-- frame: alerts closed within the 28 days before the model's last scored day, in which the report shows a card; their texts
--        posted up to and including as_of
-- params: model_id, as_of, suicidal_limit
WITH last AS (
    SELECT max(CAST(posted_at AS DATE)) AS day
    FROM scores
    WHERE model_id = $model_id AND posted_at < CAST($as_of AS DATE) + 1
)
SELECT count(DISTINCT a.subject_id) AS n
FROM alerts AS a
JOIN last ON a.closed_on > last.day - 28
JOIN crisis_texts($model_id, $as_of, $suicidal_limit) AS t
    ON t.subject_id = a.subject_id AND CAST(t.posted_at AS DATE) BETWEEN a.evidence_from AND a.closed_on
WHERE
    a.model_id = $model_id
    AND a.rule = 'crisis'
    AND a.state = 'closed'
    AND a.closed_because <> 'withdrawn'
    AND t.known_at > coalesce(
        greatest(a.told_at, (SELECT max(l."at") FROM case_log AS l WHERE l.alert_id = a.alert_id)),
        CAST('-infinity' AS TIMESTAMP)
    )

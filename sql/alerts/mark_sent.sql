-- name: mark_sent
-- purpose: record that a notification was sent of the alerts and texts that sql/alerts/unsent.sql, unsent_crisis_texts.sql and
--          unsent_late_crisis_texts.sql count
-- grain: the rows of these alerts, and of all crisis alerts that are not closed or closed within the last 28 days, because their
--        people may write again
-- frame: up to the model's last scored day, and up to and including as_of
-- params: model_id, as_of, now
UPDATE alerts
SET told_at = CAST($now AS TIMESTAMP)
WHERE
    model_id = $model_id
    AND (
        state = 'open' AND told_at IS NULL
        OR state <> 'closed' AND rule = 'crisis'
        OR rule = 'crisis'
        AND closed_because <> 'withdrawn'
        AND closed_on > (
            SELECT max(CAST(posted_at AS DATE)) - 28
            FROM scores AS s
            WHERE s.model_id = $model_id AND s.posted_at < CAST($as_of AS DATE) + 1
        )
    )

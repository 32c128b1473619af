-- name: open_alerts
-- purpose: the alerts that wait for somebody (open) or that somebody has seen (acknowledged), of the model that scored last.
--          schema/059 replaces this view
-- grain: one row per alert that is not closed
-- frame: none
-- params: none
CREATE VIEW open_alerts AS
SELECT * EXCLUDE (closed_on, closed_because)
FROM alerts
WHERE
    state <> 'closed'
    AND model_id = (SELECT model_id FROM scores GROUP BY model_id ORDER BY max(scored_at) DESC, model_id LIMIT 1)

-- name: open_alerts
-- purpose: the alerts that wait for somebody (open) or that somebody has seen (acknowledged), of the model that scored last,
--          with the code of the person (045 and 046 each had one half of this view).
--          schema/059 replaces this view
-- grain: one row per alert that is not closed
-- frame: none
-- params: none
CREATE OR REPLACE VIEW open_alerts AS
SELECT a.* EXCLUDE (closed_on, closed_because), c.code
FROM alerts AS a
LEFT JOIN codes AS c USING (subject_id)
WHERE a.state <> 'closed' AND a.model_id = (SELECT model_id FROM latest_model)

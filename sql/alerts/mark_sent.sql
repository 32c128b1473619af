-- name: mark_sent
-- purpose: record that a notification was sent of the alerts and texts that sql/alerts/unsent.sql and unsent_crisis_texts.sql count
-- grain: the rows of these alerts, and of all crisis alerts that are not closed, because their people may write again
-- frame: none
-- params: model_id, now
UPDATE alerts
SET told_at = CAST($now AS TIMESTAMP)
WHERE model_id = $model_id AND (state = 'open' AND told_at IS NULL OR state <> 'closed' AND rule = 'crisis')

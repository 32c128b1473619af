-- name: mark_sent
-- purpose: record that a notification of what sql/alerts/unsent.sql and unsent_crisis_texts.sql count was sent
-- grain: the rows of these alerts; all of the crisis rule that are not closed, whose people may write again
-- frame: none
-- params: model_id, now
UPDATE alerts
SET told_at = CAST($now AS TIMESTAMP)
WHERE model_id = $model_id AND (state = 'open' AND told_at IS NULL OR state <> 'closed' AND rule = 'crisis')

-- name: left_behind
-- purpose: the people whose alerts the model before this one left open, and this model does not raise (the frame `changes`), because
--          its answers or the limits differ. Pages show the alerts of one model, so the update names these people once
-- grain: one row per person with such alerts; code is NULL if the person has none. No row unless another model was updated last
-- frame: alerts of the model that was updated last before this one; read before this update is noted
-- params: model_id
WITH before AS (
    SELECT model_id
    FROM alert_updates
    WHERE model_id <> $model_id AND run_id = (SELECT max(run_id) FROM alert_updates)
),
followed AS (
    SELECT unnest(earlier_ids) AS alert_id
    FROM changes
)
SELECT min(c.code) AS code, count(DISTINCT a.alert_id) AS n_alerts
FROM alerts AS a
SEMI JOIN before USING (model_id)
ANTI JOIN followed USING (alert_id)
LEFT JOIN codes AS c USING (subject_id)
WHERE a.state <> 'closed'
GROUP BY a.subject_id
ORDER BY code

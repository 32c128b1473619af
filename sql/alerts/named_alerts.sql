-- name: named_alerts
-- purpose: the alerts that a word names: alerts of any model whose id begins with it; or, of the person with this code, the alerts
--          of the last model that are not closed. If all of these are closed, the newest one is named
-- grain: one row per alert
-- frame: all of the person's alerts of the last model that were not withdrawn
-- params: start, code
WITH own AS (
    SELECT a.alert_id, a.state, a.state_changed_at, a.opened_on
    FROM alerts AS a
    JOIN codes AS c USING (subject_id)
    WHERE
        c.code = $code
        AND a.closed_because IS DISTINCT FROM 'withdrawn'
        AND a.model_id = (SELECT model_id FROM latest_model)
)
SELECT alert_id, state, state_changed_at
FROM alerts
WHERE starts_with(alert_id, $start)
UNION ALL
SELECT alert_id, state, state_changed_at
FROM own
QUALIFY state <> 'closed' OR (bool_and(state = 'closed') OVER () AND row_number() OVER (ORDER BY opened_on DESC, alert_id) = 1)
ORDER BY alert_id

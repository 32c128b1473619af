-- name: named_alerts
-- purpose: the alerts that a word names: the alert whose id begins with it, or, of another model's alert, that of the last model
--          about the same days, because pages show no other; or, of the person with this code, the alerts
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
),
by_id AS (
    SELECT
        coalesce(l.alert_id, a.alert_id) AS alert_id,
        if(l.alert_id IS NULL, a.state, l.state) AS state,
        if(l.alert_id IS NULL, a.state_changed_at, l.state_changed_at) AS state_changed_at
    FROM alerts AS a
    LEFT JOIN alerts AS l
        ON
            l.model_id = (SELECT model_id FROM latest_model)
            AND l.model_id <> a.model_id
            AND l.subject_id = a.subject_id
            AND l.rule = a.rule
            AND l.closed_because IS DISTINCT FROM 'withdrawn'
            AND l.evidence_from <= coalesce(a.closed_on, CAST('infinity' AS DATE))
            AND a.evidence_from <= coalesce(l.closed_on, CAST('infinity' AS DATE))
    WHERE starts_with(a.alert_id, $start)
    QUALIFY
        row_number() OVER (
            PARTITION BY a.alert_id ORDER BY l.state = 'closed', abs(l.opened_on - a.opened_on), l.alert_id
        ) = 1
)
SELECT DISTINCT alert_id, state, state_changed_at
FROM by_id
UNION ALL
SELECT alert_id, state, state_changed_at
FROM own
QUALIFY state <> 'closed' OR (bool_and(state = 'closed') OVER () AND row_number() OVER (ORDER BY opened_on DESC, alert_id) = 1)
ORDER BY alert_id

-- name: alerts
-- purpose: a model's alerts as of a day: their evidence, whether each was open on that day, and whether the crisis list raised
--          wording of its subject from the evidence on; a crisis alert without such wording rests on the model alone
-- grain: one row per alert opened up to and including as_of, the newest first; is_open = not closed by as_of
-- frame: opened_on up to and including as_of; `state` is the current one, because past acknowledgements are not recorded
-- params: model_id, as_of
SELECT
    * EXCLUDE (model_id, run_id, raised_at, told_at),
    coalesce(closed_on > CAST($as_of AS DATE), true) AND closed_because IS DISTINCT FROM 'withdrawn' AS is_open,
    EXISTS (
        FROM mentions AS m
        LEFT JOIN texts_ahead() AS a USING (doc_id)
        WHERE
            m.state = 'raised'
            AND m.subject_id = alerts.subject_id
            AND coalesce(a.came_at, m.posted_at) >= evidence_from
            AND coalesce(a.came_at, m.posted_at) < least(coalesce(closed_on, CAST($as_of AS DATE)), CAST($as_of AS DATE)) + 1
    ) AS has_wording
FROM alerts
WHERE model_id = $model_id AND opened_on <= CAST($as_of AS DATE)
ORDER BY opened_on DESC, subject_id, rule

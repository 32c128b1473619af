-- name: reconcile
-- purpose: the changes that bring `alerts` into agreement with the rules (the frame `episodes`). An alert and an episode
--          of one rule and subject match when their evidence overlaps, the nearest first. An alert without an episode is
--          withdrawn: late rows or another setting removed its reason. Acknowledged alerts stay acknowledged
-- grain: one row per alert to add (old_state NULL) or to overwrite, in the columns of `alerts`; none when nothing changed
-- frame: alerts opened before the model's next day with texts after as_of. An alert opened after as_of, but before that day, rests
--        on texts that a correction moved to another day; the best candidate of each alert, then of each episode
-- params: model_id, as_of, run_id, now
WITH mine AS (
    FROM alerts
    WHERE
        model_id = $model_id
        AND opened_on < coalesce(
            (
                SELECT min(CAST(posted_at AS DATE))
                FROM scores
                WHERE model_id = $model_id AND posted_at >= CAST($as_of AS DATE) + 1
            ),
            CAST('infinity' AS DATE)
        )
),
candidates AS (
    SELECT a.alert_id, e.subject_id, e.rule, e.opened_on, a.opened_on AS alert_opened_on, a.closed_because
    FROM mine AS a
    JOIN episodes AS e
        ON
            e.subject_id = a.subject_id
            AND e.rule = a.rule
            AND a.evidence_from <= e.last_day
            AND a.opened_on >= e.evidence_from
),
of_alert AS (
    FROM candidates
    QUALIFY row_number() OVER (PARTITION BY alert_id ORDER BY abs(opened_on - alert_opened_on), opened_on) = 1
),
pairs AS (
    FROM of_alert
    QUALIFY
        row_number() OVER (
            PARTITION BY subject_id, rule, opened_on
            ORDER BY
                abs(opened_on - alert_opened_on),
                closed_because IS NOT DISTINCT FROM 'withdrawn',
                alert_opened_on
        ) = 1
),
wanted AS (
    SELECT
        coalesce(p.alert_id, md5(concat_ws(chr(31), $model_id, e.subject_id, e.rule, e.opened_on))) AS alert_id,
        e.* EXCLUDE (last_day)
    FROM episodes AS e
    LEFT JOIN pairs AS p USING (subject_id, rule, opened_on)
),
joined AS (
    SELECT
        coalesce(w.alert_id, a.alert_id) AS alert_id,
        coalesce(w.subject_id, a.subject_id) AS subject_id,
        coalesce(w.rule, a.rule) AS rule,
        coalesce(a.opened_on, w.opened_on) AS opened_on,
        coalesce(w.evidence_from, a.evidence_from) AS evidence_from,
        coalesce(w.evidence_to, a.evidence_to) AS evidence_to,
        coalesce(w.n, a.n) AS n,
        coalesce(w.value, a.value) AS value,
        coalesce(w.threshold, a.threshold) AS threshold,
        if(w.alert_id IS NULL, 'withdrawn', w.closed_because) AS closed_because,
        CASE
            WHEN w.alert_id IS NOT NULL THEN w.closed_on
            WHEN a.closed_because = 'withdrawn' THEN a.closed_on
            ELSE greatest(a.opened_on, CAST($as_of AS DATE))
        END AS closed_on,
        a.state AS old_state,
        a.state_changed_at,
        a.run_id,
        a.raised_at,
        a.told_at
    FROM wanted AS w
    FULL JOIN mine AS a USING (alert_id)
),
changed AS (
    SELECT
        $model_id AS model_id,
        CASE
            WHEN closed_because IS NOT NULL THEN 'closed'
            WHEN old_state = 'acknowledged' THEN 'acknowledged'
            ELSE 'open'
        END AS state,
        * REPLACE (
            if(state IS DISTINCT FROM old_state, CAST($now AS TIMESTAMP), state_changed_at) AS state_changed_at,
            if(old_state = 'closed' AND state <> 'closed', NULL, told_at) AS told_at,  -- the text that reopened it is news
            coalesce(run_id, $run_id) AS run_id,
            coalesce(raised_at, CAST($now AS TIMESTAMP)) AS raised_at
        )
    FROM joined
)
FROM changed AS c
WHERE NOT EXISTS (
    FROM alerts AS a
    WHERE
        a.alert_id = c.alert_id
        AND row(a.evidence_from, a.evidence_to, a.n, a.value, a.threshold, a.state, a.closed_on, a.closed_because)
        IS NOT DISTINCT FROM
        row(c.evidence_from, c.evidence_to, c.n, c.value, c.threshold, c.state, c.closed_on, c.closed_because)
)
ORDER BY subject_id, rule, opened_on

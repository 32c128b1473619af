-- name: reconcile
-- purpose: the changes that bring `alerts` into agreement with the rules (the frame `episodes`). An alert and an episode
--          of one rule and subject match when their evidence overlaps, the nearest first; else, for an alert that is not closed,
--          when the episode began before the last update, as with raised limits. An alert without an episode is
--          withdrawn: late rows or another setting removed its reason. Acknowledged alerts stay acknowledged.
--          An alert that comes back is news if a text of the person came in since it closed, and is then open and unsent; without
--          such a text it is as acknowledged, and as sent, as it was. Alerts of the model that was updated last before this one
--          (`earlier`) are the same episode if their days overlap: a new alert takes over their state and told_at, and so does
--          every alert in the first update after the other model's. The case log follows (sql/alerts/take_over_log.sql)
-- grain: one row per alert to add (old_state NULL) or to overwrite, in the columns of `alerts`; none when nothing changed.
--        earlier_ids: the alerts of the earlier model that are the same episode
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
last_update AS (
    SELECT max(as_of) AS as_of
    FROM alert_updates
    WHERE model_id = $model_id
),
candidates AS (
    SELECT
        a.alert_id,
        e.subject_id,
        e.rule,
        e.opened_on,
        a.opened_on AS alert_opened_on,
        a.closed_because,
        a.opened_on < e.evidence_from AS later
    FROM mine AS a
    JOIN episodes AS e
        ON
            e.subject_id = a.subject_id
            AND e.rule = a.rule
            AND a.evidence_from <= e.last_day
    CROSS JOIN last_update AS u
    WHERE a.opened_on >= e.evidence_from OR (a.state <> 'closed' AND e.evidence_from <= u.as_of)
),
of_alert AS (
    FROM candidates
    -- of later episodes the newest, in which the person still is
    QUALIFY
        row_number() OVER (
            PARTITION BY alert_id
            ORDER BY later, if(later, alert_opened_on - opened_on, abs(opened_on - alert_opened_on)), opened_on
        ) = 1
),
pairs AS (
    FROM of_alert
    QUALIFY
        row_number() OVER (
            PARTITION BY subject_id, rule, opened_on
            ORDER BY
                later,
                abs(opened_on - alert_opened_on),
                closed_because IS NOT DISTINCT FROM 'withdrawn',
                alert_opened_on
        ) = 1
),
wanted AS (
    SELECT
        coalesce(p.alert_id, md5(concat_ws(chr(31), $model_id, e.subject_id, e.rule, e.opened_on))) AS alert_id,
        p.alert_id IS NULL AS is_new,
        e.*
    FROM episodes AS e
    LEFT JOIN pairs AS p USING (subject_id, rule, opened_on)
),
looks AS (  -- a look at an alert before it was raised again is none at the present one
    SELECT alert_id, max(l."at") AS looked_at
    FROM alerts AS a
    JOIN case_log AS l USING (alert_id)
    WHERE l."at" >= a.raised_at
    GROUP BY alert_id
),
other_model AS (
    SELECT model_id, as_of, run_id = (SELECT max(run_id) FROM alert_updates) AS was_last
    FROM alert_updates
    WHERE model_id <> $model_id
    ORDER BY run_id DESC
    LIMIT 1
),
earlier AS (
    SELECT
        w.alert_id,
        list(a.alert_id ORDER BY a.alert_id) AS earlier_ids,
        any_value(o.was_last) AS was_last,
        first(a.state ORDER BY a.state = 'closed', a.opened_on DESC, a.alert_id) AS state,
        first(a.state_changed_at ORDER BY a.state = 'closed', a.opened_on DESC, a.alert_id) AS state_changed_at,
        first(a.raised_at ORDER BY a.state = 'closed', a.opened_on DESC, a.alert_id) AS raised_at,
        CASE
            WHEN bool_and(a.state = 'closed') THEN max(a.told_at)
            ELSE first(a.told_at ORDER BY a.state = 'closed', a.opened_on DESC, a.alert_id)
        END AS told_at,
        CASE WHEN bool_and(a.state = 'closed') THEN max(l.looked_at) END AS looked_at
    FROM wanted AS w
    JOIN alerts AS a
        ON
            a.subject_id = w.subject_id
            AND a.rule = w.rule
            AND a.evidence_from <= w.last_day
    JOIN other_model AS o ON o.model_id = a.model_id AND coalesce(a.closed_on, o.as_of, a.opened_on) >= w.evidence_from
    LEFT JOIN looks AS l ON l.alert_id = a.alert_id
    WHERE w.is_new OR o.was_last
    GROUP BY w.alert_id
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
        a.told_at,
        w.last_day,
        b.earlier_ids,
        b.state AS earlier_state,
        b.state_changed_at AS earlier_changed_at,
        b.raised_at AS earlier_raised_at,
        b.told_at AS earlier_told_at,
        CASE
            WHEN coalesce(a.state, 'closed') = 'closed' THEN greatest(l.looked_at, b.looked_at)
            ELSE b.looked_at
        END AS looked_at,
        coalesce(b.was_last AND b.state <> 'closed', false) AS goes_on,
        -- the other model raised it for texts that came in after the look at this model's alert
        goes_on AND old_state = 'acknowledged' AND b.state = 'open' AND b.raised_at > a.state_changed_at AS opens_again,
        w.alert_id IS NOT NULL
        AND w.closed_because IS NULL
        AND coalesce(a.state, 'closed') = 'closed'
        AND NOT goes_on AS comes_back
    FROM wanted AS w
    FULL JOIN mine AS a USING (alert_id)
    LEFT JOIN earlier AS b ON b.alert_id = w.alert_id
    LEFT JOIN looks AS l ON l.alert_id = a.alert_id
),
back AS (
    SELECT
        alert_id,
        subject_id,
        evidence_from,
        last_day,
        greatest(
            if(old_state = 'closed', state_changed_at, NULL),
            if(earlier_state = 'acknowledged', earlier_changed_at, NULL),
            earlier_told_at,
            looked_at
        ) AS seen_at
    FROM joined
    WHERE comes_back
),
texts AS (
    SELECT subject_id, doc_id, CAST(least(any_value(posted_at), min(scored_at)) AS DATE) AS day, min(scored_at) AS came_at
    FROM scores
    SEMI JOIN back USING (subject_id)
    GROUP BY subject_id, doc_id
),
news AS (
    SELECT DISTINCT b.alert_id
    FROM back AS b
    JOIN texts AS t
        ON
            t.subject_id = b.subject_id
            AND t.day BETWEEN b.evidence_from AND b.last_day
            AND t.came_at > b.seen_at
),
judged AS (
    SELECT *, alert_id IN (FROM news) AS is_news
    FROM joined
),
changed AS (
    SELECT
        $model_id AS model_id,
        CASE
            WHEN closed_because IS NOT NULL THEN 'closed'
            WHEN opens_again THEN 'open'
            WHEN old_state = 'acknowledged' THEN 'acknowledged'
            WHEN NOT is_news AND (earlier_state = 'acknowledged' OR looked_at IS NOT NULL) THEN 'acknowledged'
            ELSE 'open'
        END AS state,
        * EXCLUDE (
            last_day, earlier_state, earlier_changed_at, earlier_raised_at, earlier_told_at, looked_at, goes_on,
            opens_again, comes_back, is_news
        )
        REPLACE (
            CASE
                WHEN state = old_state THEN state_changed_at
                WHEN state = 'closed' OR is_news THEN CAST($now AS TIMESTAMP)
                WHEN state = earlier_state THEN earlier_changed_at
                WHEN state = 'acknowledged' THEN looked_at
                ELSE coalesce(greatest(told_at, earlier_told_at), CAST($now AS TIMESTAMP))
            END AS state_changed_at,
            CASE
                WHEN is_news THEN NULL
                WHEN goes_on THEN earlier_told_at
                ELSE greatest(told_at, earlier_told_at)
            END AS told_at,
            coalesce(run_id, $run_id) AS run_id,
            coalesce(
                CASE
                    WHEN is_news THEN NULL
                    WHEN opens_again THEN earlier_raised_at
                    ELSE coalesce(raised_at, earlier_raised_at)
                END,
                CAST($now AS TIMESTAMP)
            ) AS raised_at
        )
    FROM judged
)
FROM changed AS c
WHERE
    earlier_ids IS NOT NULL
    OR NOT EXISTS (
        FROM alerts AS a
        WHERE
            a.alert_id = c.alert_id
            AND row(a.evidence_from, a.evidence_to, a.n, a.value, a.threshold, a.state, a.closed_on, a.closed_because)
            IS NOT DISTINCT FROM
            row(c.evidence_from, c.evidence_to, c.n, c.value, c.threshold, c.state, c.closed_on, c.closed_because)
    )
ORDER BY subject_id, rule, opened_on

-- name: heat_subject_week
-- purpose: the highest-risk subjects, week by week
-- grain: one row per subject and ISO week (week = its Monday) with at least one scored text, for the `top` subjects
-- frame: the calendar weeks that touch the `days` days ending on as_of, cut at as_of. Subjects are ranked (place 1 =
--        highest) by mean p_high of the 28 days ending on as_of. 5 more texts at everyone's mean are added to each
--        subject's, so that one bad text does not lead the table. Subjects without texts in those 28 days come last
-- params: model_id, as_of, days, top
WITH texts AS NOT MATERIALIZED (
    SELECT
        CAST(s.posted_at AS DATE) AS day,
        s.subject_id,
        s.p_high,
        s.risk,
        s.posted_at >= CAST($as_of AS DATE) - to_days(27) AS is_recent
    FROM scores AS s
    WHERE s.model_id = $model_id
      AND s.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
      AND s.posted_at >= date_trunc('week', CAST($as_of AS DATE) - to_days(CAST($days AS INTEGER) - 1))
),
everyone AS (SELECT avg(p_high) AS p_high FROM texts),
subjects AS (
    SELECT
        t.subject_id,
        count(*) FILTER (t.is_recent) AS n,
        (coalesce(sum(t.p_high) FILTER (t.is_recent), 0) + 5 * any_value(e.p_high)) / (n + 5) AS recent_p_high
    FROM texts AS t, everyone AS e
    GROUP BY t.subject_id
),
ranked AS (
    -- rounded, because the last bits of a sum depend on the order of its terms
    SELECT subject_id, row_number() OVER (ORDER BY n = 0, round(recent_p_high, 9) DESC, subject_id) AS place
    FROM subjects
)
SELECT
    CAST(date_trunc('week', t.day) AS DATE) AS week,
    t.subject_id,
    r.place,
    count(*) AS n,
    count(*) FILTER (t.risk = 'high_risk') AS n_high,
    avg(CAST(t.risk = 'high_risk' AS INTEGER)) AS share_high,
    avg(t.p_high) AS p_high
FROM texts AS t
JOIN ranked AS r USING (subject_id)
WHERE r.place <= $top
GROUP BY ALL
ORDER BY r.place, week

-- name: emotion_mix
-- purpose: which emotions were written, week by week; p sums to 1 over the six emotions of a week
-- grain: one row per ISO week (week = its Monday) with at least one scored text, and emotion
-- frame: the calendar weeks that touch the `days` days ending on as_of, cut at as_of; n_days tells a part week
-- params: model_id, as_of, days
WITH weekly AS (
    SELECT
        CAST(date_trunc('week', s.posted_at) AS DATE) AS week,
        count(*) AS n,
        count(DISTINCT s.subject_id) AS n_subjects,
        count(DISTINCT CAST(s.posted_at AS DATE)) AS n_days,
        avg(s.p_sadness) AS sadness,
        avg(s.p_joy) AS joy,
        avg(s.p_love) AS love,
        avg(s.p_anger) AS anger,
        avg(s.p_fear) AS fear,
        avg(s.p_surprise) AS surprise
    FROM scores AS s
    WHERE s.model_id = $model_id
      AND s.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
      AND s.posted_at >= date_trunc('week', CAST($as_of AS DATE) - to_days(CAST($days AS INTEGER) - 1))
    GROUP BY ALL
)
UNPIVOT weekly ON sadness, joy, love, anger, fear, surprise INTO NAME emotion VALUE p
ORDER BY week, emotion

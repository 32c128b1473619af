-- name: missing_nights
-- purpose: the gaps: days without a scored text, and the number of their texts that are not scored yet
-- grain: one row per UTC calendar day without a scored text, between the first scored text and as_of
-- frame: from the day of the model's first score to the day of as_of
-- params: model_id, as_of
WITH days AS (
    SELECT CAST(d.posted_at AS DATE) AS day, count(s.doc_id) AS n, count(*) - n AS n_unscored
    FROM documents AS d
    LEFT JOIN scores AS s ON s.doc_id = d.doc_id AND s.model_id = $model_id
    WHERE d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
    GROUP BY day
),
calendar AS (
    SELECT CAST(unnest(range(min(day), CAST($as_of AS DATE) + 1, INTERVAL 1 DAY)) AS DATE) AS day
    FROM days
    WHERE n > 0
)
SELECT c.day, coalesce(d.n_unscored, 0) AS n_unscored
FROM calendar AS c
LEFT JOIN days AS d USING (day)
WHERE coalesce(d.n, 0) = 0
ORDER BY day

-- name: missing_nights
-- purpose: the gaps: days without a scored text, and the number of their texts that are not scored yet; texts
--          that retention emptied are left out
-- grain: one row per UTC calendar day without a scored text, between the first scored text and as_of
-- frame: from the day of the model's first score to the day of as_of
-- params: model_id, as_of
WITH texts AS (
    SELECT CAST(posted_at AS DATE) AS day, count(text) AS n_documents, 0 AS n_scores
    FROM documents
    WHERE posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
    GROUP BY day
    -- each score belongs to a document and has its time, so that no join of all documents and scores is needed
    UNION ALL
    SELECT CAST(posted_at AS DATE), 0, count(*)
    FROM scores
    WHERE model_id = $model_id AND posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
    GROUP BY ALL
),
days AS (
    SELECT day, CAST(sum(n_scores) AS BIGINT) AS n, CAST(sum(n_documents) - sum(n_scores) AS BIGINT) AS n_unscored
    FROM texts
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

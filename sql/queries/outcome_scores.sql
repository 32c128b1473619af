-- name: outcome_scores
-- purpose: the signal of each outcome's subject before it; outcomes is a frame with number, subject_id and day
-- grain: one row per row of outcomes: n_texts texts in the window, their mean signal, the cohort with the most of them, and
--        the subject's first day with a score (NULL: no score of this model at all)
-- frame: window_days calendar days ending on and including the day of the outcome
-- params: model_id, signal, window_days
WITH firsts AS (
    SELECT subject_id, CAST(min(posted_at) AS DATE) AS first_day
    FROM scores
    WHERE model_id = $model_id
    GROUP BY subject_id
)
SELECT
    o.number,
    count(s.doc_id) AS n_texts,
    avg(signal_of($signal, s.p_high, s.p_any)) AS signal,
    mode(s.cohort) AS cohort,
    any_value(f.first_day) AS first_day
FROM outcomes AS o
LEFT JOIN firsts AS f ON f.subject_id = o.subject_id
LEFT JOIN scores AS s
    ON s.model_id = $model_id
    AND s.subject_id = o.subject_id
    AND s.posted_at >= o.day - CAST($window_days AS INTEGER) + 1
    AND s.posted_at < o.day + 1
GROUP BY o.number
ORDER BY o.number

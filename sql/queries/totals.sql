-- name: totals
-- purpose: totals of what a model has scored: texts, subjects, first and last time, and shares of emotions and risks
-- grain: one row
-- frame: none
-- params: model_id
SELECT
    count(*) AS n,
    count(DISTINCT d.subject_id) AS n_subjects,
    min(d.posted_at) AS first_posted,
    max(d.posted_at) AS last_posted,
    avg(CAST(s.risk = 'high_risk' AS INTEGER)) AS share_high,
    avg(CAST(s.risk = 'mid_risk' AS INTEGER)) AS share_mid,
    avg(CAST(s.risk = 'low_risk' AS INTEGER)) AS share_low,
    avg(CAST(s.emotion = 'sadness' AS INTEGER)) AS sadness,
    avg(CAST(s.emotion = 'joy' AS INTEGER)) AS joy,
    avg(CAST(s.emotion = 'love' AS INTEGER)) AS love,
    avg(CAST(s.emotion = 'anger' AS INTEGER)) AS anger,
    avg(CAST(s.emotion = 'fear' AS INTEGER)) AS fear,
    avg(CAST(s.emotion = 'surprise' AS INTEGER)) AS surprise
FROM scores AS s
INNER JOIN documents AS d USING (doc_id)
WHERE s.model_id = $model_id

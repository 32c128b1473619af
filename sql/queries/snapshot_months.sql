-- name: snapshot_months
-- purpose: the calendar months (UTC) in which a scored text was posted, by their first day
-- grain: one row per month
-- frame: none
-- params: none
SELECT DISTINCT CAST(date_trunc('month', d.posted_at) AS DATE) AS month
FROM documents AS d
SEMI JOIN scores USING (doc_id)
ORDER BY month

-- name: subjects_now
-- purpose: the subjects at the line (schema/037 has the definition), on the last scored day up to the last day that the rules have
--          read. Otherwise a text with a future time, from a phone with a wrong clock, would make everybody silent
-- grain: one row per subject with a score up to as_of; columns as in schema/037
-- frame: the 7 calendar days that end on as_of; as_of is the last scored day if the rules have read nothing yet
-- params: none
ALTER TABLE alert_updates ADD COLUMN as_of DATE;
CREATE OR REPLACE VIEW subjects_now AS
WITH limits AS (
    SELECT t.model_id, t.as_of, u.signal, u.threshold, u.min_texts
    FROM (
        SELECT s.model_id, coalesce(max(s.day) FILTER (s.day <= u.as_of), max(s.day)) AS as_of
        FROM latest_scores AS s
        LEFT JOIN alert_updates AS u USING (model_id)
        GROUP BY s.model_id
    ) AS t
    LEFT JOIN alert_updates AS u USING (model_id)
),
weeks AS (
    SELECT
        s.subject_id,
        max(s.day) AS last_day,
        count(*) FILTER (s.day > l.as_of - 7) AS n_7,
        count(DISTINCT s.day) FILTER (s.day > l.as_of - 7) AS n_days_7,
        count(*) FILTER (s.day > l.as_of - 7 AND s.risk = 'high_risk') AS n_high_7,
        avg(s.p_high) FILTER (s.day > l.as_of - 7) AS p_high_7,
        avg(s.p_any) FILTER (s.day > l.as_of - 7) AS p_any_7,
        avg(signal_of(l.signal, s.p_high, s.p_any)) FILTER (s.day > l.as_of - 7) AS signal_7
    FROM latest_scores AS s, limits AS l
    WHERE s.day <= l.as_of
    GROUP BY s.subject_id
),
alerts_open AS (
    SELECT subject_id, list(DISTINCT rule ORDER BY rule) AS open_rules
    FROM open_alerts
    GROUP BY subject_id
)
SELECT
    l.model_id,
    l.as_of,
    w.*,
    l.signal,
    l.threshold,
    w.n_7 >= l.min_texts AS rated,
    CASE WHEN l.threshold IS NOT NULL THEN at_line(w.signal_7, w.n_7, l.threshold, l.min_texts) END AS at_line,
    coalesce(a.open_rules, []) AS open_rules
FROM weeks AS w
CROSS JOIN limits AS l
LEFT JOIN alerts_open AS a USING (subject_id)
ORDER BY w.subject_id

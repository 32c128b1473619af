-- name: subjects_now
-- purpose: the subjects at the line. `at_line` is the only definition: a subject is at the line on a day if the mean of the signal
--          over the 7 days that end on it is at or above `threshold`, and they wrote `min_texts` texts or more in these days.
--          `signal_of` is the signal of a text: P(high) ('p_high'), P(any) ('p_any'; P(high) without it), or the greater ('both').
--          An alert that is not closed does not mean that its subject is at the line: it stays open until the rule's value is calm
--          again or the subject is silent. The view applies the definition to the last scored day of the model that scored last,
--          with the limits that its alerts were last brought up to date with (NULL before that).
--          schema/065 replaces the view, not the macros
-- grain: one row per subject with a score. n_7: texts in the 7 days; p_high_7 and p_any_7: their means (p_any_7 only of texts with
--        an answer); signal_7: the mean that is compared; rated: whether there are enough texts; last_day: day of the last text;
--        open_rules: rules with an alert that is not closed
-- frame: the 7 calendar days that end on as_of
-- params: none
ALTER TABLE alert_updates ADD COLUMN signal VARCHAR;
ALTER TABLE alert_updates ADD COLUMN threshold DOUBLE;
ALTER TABLE alert_updates ADD COLUMN min_texts INTEGER;
CREATE MACRO signal_of(signal, p_high, p_any) AS
CASE signal
    WHEN 'p_high' THEN p_high
    WHEN 'p_any' THEN coalesce(p_any, p_high)
    WHEN 'both' THEN greatest(p_high, coalesce(p_any, 0))
END;
CREATE MACRO at_line(mean, n, threshold, min_texts) AS coalesce(n >= min_texts AND mean >= threshold, false);
CREATE VIEW subjects_now AS
WITH limits AS (
    SELECT t.model_id, t.as_of, u.signal, u.threshold, u.min_texts
    FROM (SELECT model_id, max(day) AS as_of FROM latest_scores GROUP BY model_id) AS t
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

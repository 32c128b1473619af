-- name: rule_outcomes
-- purpose: the outcomes of each rule's alerts: the newest one recorded for each alert. precision = share of these alerts that were
--          no false alarm, with Wilson's 95% interval. People choose which alerts to judge, so they are no random sample
-- grain: one row per rule with an alert that has an outcome; n_people: the people behind each of the four counts
-- frame: alerts of this model opened up to and including as_of, and outcomes recorded at any time
-- params: model_id, as_of
WITH outcomes AS (
    SELECT alert_id, arg_max(outcome, "at") AS outcome
    FROM case_log
    WHERE outcome IS NOT NULL
    GROUP BY alert_id
)
SELECT
    a.rule,
    count(*) AS n,
    count(DISTINCT a.subject_id) AS n_subjects,
    count(*) FILTER (o.outcome = 'contacted') AS contacted,
    count(*) FILTER (o.outcome = 'referred') AS referred,
    count(*) FILTER (o.outcome = 'known') AS "known",
    count(*) FILTER (o.outcome = 'false_alarm') AS false_alarm,
    [
        count(DISTINCT a.subject_id) FILTER (o.outcome = 'contacted'),
        count(DISTINCT a.subject_id) FILTER (o.outcome = 'referred'),
        count(DISTINCT a.subject_id) FILTER (o.outcome = 'known'),
        count(DISTINCT a.subject_id) FILTER (o.outcome = 'false_alarm')
    ] AS n_people,
    count(*) FILTER (o.outcome <> 'false_alarm') / count(*) AS precision,
    wilson_low(count(*) FILTER (o.outcome <> 'false_alarm'), count(*)) AS precision_lo,
    wilson_high(count(*) FILTER (o.outcome <> 'false_alarm'), count(*)) AS precision_hi
FROM alerts AS a
JOIN outcomes AS o USING (alert_id)
WHERE a.model_id = $model_id AND a.opened_on <= CAST($as_of AS DATE)
GROUP BY a.rule
ORDER BY a.rule

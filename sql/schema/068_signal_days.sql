-- name: signal_days
-- purpose: each subject's texts of each day for the rules and the cards: number of texts, and sums of P(high) and of the signal
--          that the settings name: P(high) ('p_high'), P(any) ('p_any'; P(high) without it), or the greater ('both'). Sums of
--          squares give the variances
-- grain: one row per subject and UTC calendar day with at least one scored text of this model
-- frame: the calendar day; every day up to and including `until`
-- params: none
CREATE MACRO signal_days(model, until, name) AS TABLE
SELECT
    subject_id,
    day,
    sum(n) AS n,
    sum(high) AS high,
    sum(high_squared) AS high_squared,
    sum(CASE name WHEN 'p_high' THEN high WHEN 'p_any' THEN any_or_high ELSE either END) AS signal,
    sum(
        CASE name WHEN 'p_high' THEN high_squared WHEN 'p_any' THEN any_or_high_squared ELSE either_squared END
    ) AS signal_squared
FROM daily_cells
WHERE model_id = model AND day <= CAST(until AS DATE)
GROUP BY subject_id, day

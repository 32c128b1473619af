-- name: episodes
-- purpose: turn the days of one rule (the table `signals`) into episodes. An episode begins when the rule is hit on
--          confirm_days days with texts in a row (confirmation). It lasts through days that are neither hit nor calm,
--          however many (hysteresis). It ends when cooldown_days full days have passed since its last day; a hit within that
--          time belongs to the same episode (cool-down). It closes as 'calm again' if a calm day followed its last day within that
--          time, and as 'silent' if no text did. Every window looks only back, so a later day changes no earlier opened_on
-- grain: one row per subject and episode, with the evidence of the day that opened it; closed_on is NULL while it lasts
-- frame: confirmation: confirm_days rows ending on and including day; state: the last hit or calm day up to day, since the
--        last silence of more than cooldown_days days; numbering: all rows up to day
-- params: as_of, confirm_days, cooldown_days
WITH confirmed AS (
    SELECT
        *,
        count(*) FILTER (hit) OVER latest = $confirm_days AS is_on,
        lead(day) OVER own AS next_day,
        coalesce(day - lag(day) OVER own > $cooldown_days, false) AS after_silence
    FROM signals
    WINDOW
        own AS (PARTITION BY subject_id ORDER BY day),
        latest AS (
            PARTITION BY subject_id
            ORDER BY day
            ROWS BETWEEN CAST($confirm_days AS INTEGER) - 1 PRECEDING AND CURRENT ROW
        )
),
stretches AS (
    SELECT
        *,
        count(*) FILTER (after_silence) OVER (PARTITION BY subject_id ORDER BY day ROWS UNBOUNDED PRECEDING) AS stretch
    FROM confirmed
),
states AS (
    SELECT
        *,
        last_value(CASE WHEN is_on THEN true WHEN calm THEN false END IGNORE NULLS) OVER (
            PARTITION BY subject_id, stretch
            ORDER BY day
            ROWS UNBOUNDED PRECEDING
        ) AS state
    FROM stretches
),
starts AS (
    SELECT *, coalesce(day - lag(day) OVER own > $cooldown_days, true) AS is_start
    FROM states
    WHERE state
    WINDOW own AS (PARTITION BY subject_id ORDER BY day)
),
numbered AS (
    SELECT *, count(*) FILTER (is_start) OVER (PARTITION BY subject_id ORDER BY day ROWS UNBOUNDED PRECEDING) AS number
    FROM starts
),
episodes AS (
    SELECT
        subject_id,
        min(day) AS opened_on,
        arg_min(evidence_from, day) AS evidence_from,
        opened_on AS evidence_to,
        arg_min(n, day) AS n,
        round(arg_min(value, day), 9) AS value,  -- sums differ in their last bits with the order of their terms
        max(day) AS last_day,
        last_day + CAST($cooldown_days AS INTEGER) + 1 AS ends_on,
        coalesce(arg_max_null(next_day, day) < ends_on, false) AS calmed  -- the next day with texts, if it comes before ends_on, is calm
    FROM numbered
    GROUP BY subject_id, number
)
SELECT
    * EXCLUDE (ends_on, calmed),
    CASE WHEN ends_on <= CAST($as_of AS DATE) THEN ends_on END AS closed_on,
    CASE WHEN closed_on IS NOT NULL THEN if(calmed, 'calm again', 'silent') END AS closed_because
FROM episodes
ORDER BY subject_id, opened_on

-- name: criteria_rolling
-- purpose: number of texts that showed each criterion in the recent past, by the model that scored last: for every subject (level
--          'subject', name = subject_id), every cohort ('cohort') and all together ('overall', name 'all'). A text shows a
--          criterion if P(criterion) is above its limit, and 'any' if it shows one criterion or more
-- grain: one row per level, name, criterion and UTC calendar day with texts that have an answer to the symptoms question; n, n_7
--        and n_28 count all these texts, whether they show the criterion or not
-- frame: 7 or 28 calendar days ending on and including day; it counts days, not rows, so silence shrinks n
-- params: none
CREATE VIEW criteria_rolling AS
WITH texts AS (
    SELECT 'subject' AS level, subject_id AS name, day, criteria FROM latest_scores WHERE criteria IS NOT NULL
    UNION ALL
    SELECT 'cohort', cohort, day, criteria FROM latest_scores WHERE criteria IS NOT NULL
    UNION ALL
    SELECT 'overall', 'all', day, criteria FROM latest_scores WHERE criteria IS NOT NULL
),
cells AS (
    SELECT
        level,
        name,
        day,
        count(*) AS n,
        count(*) FILTER (criteria <> '') AS "any",
        count(*) FILTER (contains(criteria, 'mood')) AS mood,
        count(*) FILTER (contains(criteria, 'hopeless')) AS hopeless,
        count(*) FILTER (contains(criteria, 'interest')) AS interest,
        count(*) FILTER (contains(criteria, 'worth')) AS worth,
        count(*) FILTER (contains(criteria, 'suicidal')) AS suicidal,
        count(*) FILTER (contains(criteria, 'psychomotor')) AS psychomotor,
        count(*) FILTER (contains(criteria, 'concentration')) AS concentration,
        count(*) FILTER (contains(criteria, 'energy')) AS energy,
        count(*) FILTER (contains(criteria, 'sleep')) AS sleep,
        count(*) FILTER (contains(criteria, 'appetite')) AS appetite,
        count(*) FILTER (contains(criteria, 'irritable')) AS irritable
    FROM texts
    GROUP BY level, name, day
),
criteria AS (
    FROM cells
    UNPIVOT (n_shown FOR criterion IN ("any", mood, hopeless, interest, worth, suicidal, psychomotor, concentration, energy, sleep, appetite, irritable))
)
SELECT
    level,
    name,
    criterion,
    day,
    n,
    n_shown,
    CAST(sum(n) OVER week AS BIGINT) AS n_7,
    CAST(sum(n_shown) OVER week AS BIGINT) AS n_shown_7,
    n_shown_7 / n_7 AS share_7,
    CAST(sum(n) OVER month AS BIGINT) AS n_28,
    CAST(sum(n_shown) OVER month AS BIGINT) AS n_shown_28,
    n_shown_28 / n_28 AS share_28
FROM criteria
WINDOW
    week AS (
        PARTITION BY level, name, criterion
        ORDER BY day
        RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW
    ),
    month AS (
        PARTITION BY level, name, criterion
        ORDER BY day
        RANGE BETWEEN INTERVAL 27 DAY PRECEDING AND CURRENT ROW
    )

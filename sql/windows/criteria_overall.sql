-- name: criteria_overall
-- purpose: the share of texts that showed each criterion in the last days, and the number of their subjects: for everyone and for
--          each cohort. A text shows 'any' if it shows one criterion or more
-- grain: one row per cohort (NULL: everyone) and criterion; n texts by n_subjects subjects, n_shown of them by
--        n_shown_subjects; n_top and n_shown_top texts of one subject
-- frame: `days` calendar days ending on and including as_of
-- params: model_id, as_of, days
WITH texts AS (
    SELECT
        subject_id,
        cohort,
        CASE WHEN criteria = '' THEN [] ELSE list_distinct(['any'] || string_split(criteria, ',')) END AS shown
    FROM scores
    WHERE model_id = $model_id
      AND criteria IS NOT NULL
      AND posted_at >= CAST($as_of AS DATE) - CAST($days AS INTEGER) + 1
      AND posted_at < CAST($as_of AS DATE) + 1
),
totals AS (
    SELECT
        cohort,
        count(*) AS n,
        count(DISTINCT subject_id) AS n_subjects,
        CAST(list_max(map_values(histogram(subject_id))) AS BIGINT) AS n_top
    FROM texts
    GROUP BY GROUPING SETS ((), (cohort))
),
shown AS (
    SELECT
        cohort,
        criterion,
        count(*) AS n_shown,
        count(DISTINCT subject_id) AS n_shown_subjects,
        CAST(list_max(map_values(histogram(subject_id))) AS BIGINT) AS n_shown_top
    FROM (SELECT subject_id, cohort, unnest(shown) AS criterion FROM texts)
    GROUP BY GROUPING SETS ((criterion), (cohort, criterion))
)
SELECT
    t.cohort,
    c.criterion,
    t.n,
    t.n_subjects,
    t.n_top,
    coalesce(s.n_shown, 0) AS n_shown,
    coalesce(s.n_shown_subjects, 0) AS n_shown_subjects,
    coalesce(s.n_shown_top, 0) AS n_shown_top,
    n_shown / t.n AS share
FROM totals AS t
CROSS JOIN (SELECT unnest(['any', 'mood', 'hopeless', 'interest', 'worth', 'suicidal', 'psychomotor', 'concentration', 'energy', 'sleep', 'appetite', 'irritable']) AS criterion) AS c
LEFT JOIN shown AS s ON s.criterion = c.criterion AND s.cohort IS NOT DISTINCT FROM t.cohort
WHERE t.n > 0
ORDER BY t.cohort NULLS FIRST, c.criterion

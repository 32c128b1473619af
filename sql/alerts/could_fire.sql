-- name: could_fire
-- purpose: number of subject-days on which each rule could have raised an alert: the subject wrote that day, and the rule's windows
--          had enough texts or days with texts. A rate of alerts means little without this share
-- grain: one row: calendar days from each subject's first to last text, added up, and the days of each rule; any: of
--        level, change or sustained. The crisis rule could fire on every day with texts
-- frame: as each rule; level needs its texts on confirm_days days with texts in a row; sustained needs sustained_days days with
--        texts, or passage_days days in a row with a text of which a passage was scored by itself
-- params: model_id, as_of, min_texts, level_days, confirm_days, baseline_days, baseline_gap, baseline_texts, sustained_days, sustained_of, passage_days
WITH passages AS (
    SELECT DISTINCT subject_id, CAST(posted_at AS DATE) AS day, true AS passage
    FROM scores
    WHERE
        model_id = $model_id
        AND posted_at < CAST($as_of AS DATE) + 1
        AND peak_high - p_high > 1e-6  -- in a text of one passage both are equal
),
daily AS (
    SELECT subject_id, day, sum(n) AS n
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
    GROUP BY subject_id, day
),
counts AS (
    SELECT
        subject_id,
        day,
        sum(n) OVER recent >= $min_texts AS enough,
        coalesce(sum(n) OVER past >= $baseline_texts, false) AS change,
        count(*) OVER sustained >= $sustained_days
        OR (count(*) FILTER (passage) OVER in_a_row = $passage_days AND count(*) OVER sustained >= $passage_days) AS sustained
    FROM daily
    LEFT JOIN passages USING (subject_id, day)
    WINDOW
        recent AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($level_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        past AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($baseline_gap + $baseline_days AS INTEGER) - 1) PRECEDING
            AND to_days(CAST($baseline_gap AS INTEGER)) PRECEDING
        ),
        sustained AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($sustained_of AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        in_a_row AS (
            PARTITION BY subject_id
            ORDER BY day
            ROWS BETWEEN CAST($passage_days AS INTEGER) - 1 PRECEDING AND CURRENT ROW
        )
),
flags AS (
    SELECT *, count(*) FILTER (enough) OVER latest = $confirm_days AS level
    FROM counts
    WINDOW latest AS (
        PARTITION BY subject_id
        ORDER BY day
        ROWS BETWEEN CAST($confirm_days AS INTEGER) - 1 PRECEDING AND CURRENT ROW
    )
),
subjects AS (
    SELECT
        max(day) - min(day) + 1 AS days,
        count(*) FILTER (level) AS level,
        count(*) FILTER (change) AS change,
        count(*) FILTER (sustained) AS sustained,
        count(*) FILTER (level OR change OR sustained) AS "any",
        count(*) AS crisis
    FROM flags
    GROUP BY subject_id
)
SELECT
    CAST(coalesce(sum(days), 0) AS BIGINT) AS subject_days,
    CAST(coalesce(sum(level), 0) AS BIGINT) AS level,
    CAST(coalesce(sum(change), 0) AS BIGINT) AS change,
    CAST(coalesce(sum(sustained), 0) AS BIGINT) AS sustained,
    CAST(coalesce(sum("any"), 0) AS BIGINT) AS "any",
    CAST(coalesce(sum(crisis), 0) AS BIGINT) AS crisis
FROM subjects

-- name: sustained
-- purpose: sustained rule: on several of the last days the mean of the signal over a subject's day was at or above a line. The rule
--          counts days with texts, not texts. It is also hit if on passage_days days with texts in a row a text that is calm as a
--          whole has a passage at passage_line or above, so that the dark endings of long, cheerful entries count. value = number
--          of such days, which is below sustained_days if passages were the reason
-- grain: one row per day with texts, of the subjects who ever had so many days (`hit`); `calm` = no such passage, and below
--        calm_share of sustained_days
-- frame: sustained_of calendar days ending on and including day; in a row: passage_days rows within these days
-- params: model_id, as_of, signal, threshold, sustained_days, sustained_of, sustained_line, passage_line, passage_days, calm_share
WITH passages AS (
    SELECT DISTINCT subject_id, CAST(posted_at AS DATE) AS day, true AS passage
    FROM scores
    WHERE
        model_id = $model_id
        AND posted_at < CAST($as_of AS DATE) + 1
        AND peak_high >= $passage_line
        AND p_high < $calm_share * $threshold
),
windows AS (
    SELECT
        subject_id,
        day,
        coalesce(passage, false) AS passage,
        min(day) OVER recent AS evidence_from,
        CAST(sum(n) OVER recent AS INTEGER) AS n,
        CAST(count(*) FILTER (signal / n >= $sustained_line) OVER recent AS DOUBLE) AS high_days,
        count(*) FILTER (passage) OVER latest = $passage_days AND count(*) OVER recent >= $passage_days AS in_a_row
    FROM signal_days($model_id, $as_of, $signal)
    LEFT JOIN passages USING (subject_id, day)
    WINDOW
        recent AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($sustained_of AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        latest AS (
            PARTITION BY subject_id
            ORDER BY day
            ROWS BETWEEN CAST($passage_days AS INTEGER) - 1 PRECEDING AND CURRENT ROW
        )
)
SELECT
    * EXCLUDE (passage, high_days, in_a_row),
    if(in_a_row AND high_days < $sustained_days, $passage_days, high_days)::DOUBLE AS value,
    in_a_row OR high_days >= $sustained_days AS hit,
    NOT passage AND high_days < $calm_share * $sustained_days AS calm
FROM windows
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

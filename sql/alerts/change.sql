-- name: change
-- purpose: change rule: how many standard errors the mean of a subject's last days lies above the mean of the subject's own
--          past. Both means vary as single texts do, and a person's weeks differ more than their texts alone would make
--          them (wander), so value = (mean - past mean - allowance) / sqrt(variance / n + variance / n of the past
--          + wander²). A short past counts together with usual_texts texts of the usual mean and deviation (the mean and
--          variance under a normal-gamma prior). The greater value of two stretches of days counts, so the rule finds a steep
--          change soon and a small one later. monitor/alerts/README.md has the measurements behind this choice
-- grain: one row per day with texts, of the subjects who ever reached the limit (`hit`); `calm` = below calm_share of the limit. A
--        day with too short a past is neither. The evidence is the stretch with the greater value, or the shorter one if both are
--        equal. A stretch with fewer than change_texts texts has no value
-- frame: past: baseline_days calendar days that end baseline_gap days before day, with at least baseline_texts texts;
--        stretches: half of change_days (at least a day), and change_days, ending on and including day
-- params: model_id, as_of, signal, change_errors, change_allowance, change_days, change_texts, wander, baseline_days, baseline_gap, baseline_texts, usual_texts, usual_mean, usual_deviation, calm_share
WITH past AS (
    SELECT
        subject_id,
        day,
        n,
        signal,
        sum(n) OVER past AS past_texts,
        sum(n) OVER past + $usual_texts AS weight,
        (sum(signal) OVER past + $usual_texts * $usual_mean) / weight AS past_mean,
        greatest(
            0,
            sum(signal_squared) OVER past
            - 2 * past_mean * sum(signal) OVER past
            + past_texts * past_mean ** 2
            + $usual_texts * ($usual_deviation ** 2 + (past_mean - $usual_mean) ** 2)
        ) / greatest(1, weight - 1) AS variance
    FROM signal_days($model_id, $as_of, $signal)
    WINDOW past AS (
        PARTITION BY subject_id
        ORDER BY day
        RANGE BETWEEN to_days(CAST($baseline_gap + $baseline_days AS INTEGER) - 1) PRECEDING
        AND to_days(CAST($baseline_gap AS INTEGER)) PRECEDING
    )
),
sums AS (
    SELECT
        *,
        sum(n) OVER half AS n_half,
        sum(signal) OVER half AS signal_half,
        min(day) OVER half AS from_half,
        sum(n) OVER long AS n_long,
        sum(signal) OVER long AS signal_long,
        min(day) OVER long AS from_long
    FROM past
    WINDOW
        half AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST(greatest(1, $change_days // 2) AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        long AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($change_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        )
),
stretches AS (
    SELECT
        subject_id,
        day,
        n,
        past_texts,
        [
            {'place': 0, 'n': n_half, 'signal': signal_half, 'day': from_half},
            {'place': -1, 'n': n_long, 'signal': signal_long, 'day': from_long}
        ].list_transform(lambda one: {
            'value': if(
                one.n >= $change_texts,
                round(
                    greatest(0, one.signal / one.n - past_mean - $change_allowance)
                    / sqrt(variance / one.n + variance / weight + $wander ** 2),
                    9
                ),
                0
            ),
            'place': one.place,
            'n': one.n,
            'day': one.day
        }).list_max() AS best
    FROM sums
),
values_of_days AS (
    SELECT
        subject_id,
        day,
        coalesce(past_texts >= $baseline_texts, false) AS is_known,
        if(is_known, best.day, day) AS evidence_from,
        CAST(if(is_known, best.n, n) AS INTEGER) AS n,
        CAST(if(is_known, best.value, 0) AS DOUBLE) AS value,
        is_known AND best.value >= $change_errors AS hit
    FROM stretches
    QUALIFY bool_or(is_known AND best.value >= $change_errors) OVER (PARTITION BY subject_id)
)
SELECT
    subject_id,
    day,
    evidence_from,
    n,
    value,
    hit,
    is_known AND value < $calm_share * $change_errors AS calm
FROM values_of_days

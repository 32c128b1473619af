-- name: fusion_rolling
-- purpose: texts and numbers together, against each person's own past. z_text is how many standard errors the mean signal of
--          the last 7, 14 or 28 days (the greatest counts, each with 3 texts or more) lies above the mean of the 180 days
--          that end a week before (15 texts or more); its standard error is that of the rule change without the texts of
--          usual kind. A number has its z of measures_rolling. The fused z is sum(max(0, weight * z)) / sqrt(sum(weight²))
--          over the parts that there are (Stouffer's method with weights, Liptak 1958), so a missing part neither raises
--          nor calms, and a good night does not hide dark texts. A weight below 0 means that less of this number is worse. The view
--          reads the weights of the last update of the alerts of the model that scored last; the macro fused_z takes weights as
--          arguments
-- grain: one row per subject with a scored text, and UTC calendar day with a text or a weighted number; n texts and n_numbers
--        days with numbers in the last 7 days. No row without weights
-- frame: calendar days ending on and including day, and the past before them; a number's z is the newest of 7 days
-- params: none
CREATE MACRO fused_z(model, signal, wander, names, weights) AS TABLE
WITH parts AS (
    SELECT unnest(CAST(names AS VARCHAR[])) AS name, unnest(CAST(weights AS DOUBLE[])) AS weight
),
texts AS (
    SELECT
        subject_id,
        day,
        sum(n) AS n,
        sum(CASE signal WHEN 'p_high' THEN high WHEN 'p_any' THEN any_or_high ELSE either END) AS high,
        sum(
            CASE signal WHEN 'p_high' THEN high_squared WHEN 'p_any' THEN any_or_high_squared ELSE either_squared END
        ) AS squares
    FROM daily_cells
    WHERE model_id = model
    GROUP BY subject_id, day
),
numbers AS MATERIALIZED (
    SELECT subject_id, name, day, n_days_7, z
    FROM measures_rolling
    SEMI JOIN parts USING (name)
    SEMI JOIN texts USING (subject_id)
),
days AS (
    SELECT subject_id, day, sum(n) AS n, sum(high) AS high, sum(squares) AS squares
    FROM (FROM texts UNION ALL SELECT DISTINCT subject_id, day, 0, 0, 0 FROM numbers)
    GROUP BY subject_id, day
),
sums AS (
    SELECT
        subject_id,
        day,
        sum(n) OVER week AS n_7,
        sum(high) OVER week / n_7 AS mean_7,
        sum(n) OVER fortnight AS n_14,
        sum(high) OVER fortnight / n_14 AS mean_14,
        sum(n) OVER four_weeks AS n_28,
        sum(high) OVER four_weeks / n_28 AS mean_28,
        sum(n) OVER past AS n_past,
        sum(high) OVER past / n_past AS mean_past,
        greatest(0, sum(squares) OVER past - n_past * mean_past ** 2) / (n_past - 1) AS variance
    FROM days
    WINDOW
        week AS (PARTITION BY subject_id ORDER BY day RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW),
        fortnight AS (PARTITION BY subject_id ORDER BY day RANGE BETWEEN INTERVAL 13 DAYS PRECEDING AND CURRENT ROW),
        four_weeks AS (PARTITION BY subject_id ORDER BY day RANGE BETWEEN INTERVAL 27 DAYS PRECEDING AND CURRENT ROW),
        past AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN INTERVAL 186 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
        )
),
values_of_parts AS (
    SELECT
        subject_id,
        day,
        'text' AS name,
        n_7 AS n,
        0 AS n_numbers,
        CASE WHEN n_past >= 15 THEN greatest(
            CASE WHEN n_7 >= 3 THEN (mean_7 - mean_past) / sqrt(variance * (1 / n_7 + 1 / n_past) + wander ** 2) END,
            CASE WHEN n_14 >= 3 THEN (mean_14 - mean_past) / sqrt(variance * (1 / n_14 + 1 / n_past) + wander ** 2) END,
            CASE WHEN n_28 >= 3 THEN (mean_28 - mean_past) / sqrt(variance * (1 / n_28 + 1 / n_past) + wander ** 2) END
        ) END AS z
    FROM sums
    UNION ALL
    SELECT d.subject_id, d.day, m.name, 0, m.n_days_7, m.z
    FROM (SELECT subject_id, day, name FROM days CROSS JOIN parts) AS d
    ASOF JOIN numbers AS m ON d.subject_id = m.subject_id AND d.name = m.name AND d.day >= m.day
    WHERE d.day - m.day < 7
)
SELECT
    v.subject_id,
    v.day,
    CAST(sum(v.n) AS INTEGER) AS n,
    CAST(sum(v.n_numbers) AS INTEGER) AS n_numbers,
    any_value(v.z) FILTER (v.name = 'text') AS z_text,
    sum(greatest(0, p.weight * v.z)) FILTER (v.z IS NOT NULL) / sqrt(sum(p.weight ** 2) FILTER (v.z IS NOT NULL)) AS z
FROM values_of_parts AS v
LEFT JOIN parts AS p USING (name)
GROUP BY v.subject_id, v.day;
CREATE VIEW fusion_rolling AS
WITH chosen AS (
    SELECT model_id, signal, wander, fusion_names, fusion_weights
    FROM alert_updates
    SEMI JOIN latest_model USING (model_id)
)
FROM fused_z(
    (SELECT model_id FROM chosen WHERE len(fusion_names) > 0),
    (SELECT signal FROM chosen),
    (SELECT wander FROM chosen),
    (SELECT fusion_names FROM chosen),
    (SELECT fusion_weights FROM chosen)
)

-- name: fusion_rolling
-- purpose: texts and numbers together, against each person's own past. z_text is how many standard errors the mean signal of
--          the last 7 days lies above the mean of the 56 days before (with `wander`, as in the rule change), and a number
--          has its z of measures_rolling. The fused z is sum(weight * z) / sqrt(sum(weight²)) over the parts that there are
--          (Stouffer's method with weights, Liptak 1958), so a missing part neither raises nor calms. A weight below 0
--          belongs to a number of which less is worse. The view reads the weights that the alerts of the model that scored
--          last were last brought up to date with; the macro fused_z takes them as arguments. z_text is NULL with fewer
--          than 3 texts in the 7 days or 15 in the past
-- grain: one row per subject with a scored text, and UTC calendar day with a text or a weighted number; n texts and n_numbers
--        days with numbers in the 7 days. No row without weights
-- frame: the 7 calendar days ending on and including day, and the 56 before them; a number's z is the newest of the 7 days
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
        sum(n) OVER past AS n_past,
        sum(high) OVER past / n_past AS mean_past,
        greatest(0, sum(squares) OVER past - n_past * mean_past ** 2) / (n_past - 1) AS variance
    FROM days
    WINDOW
        week AS (PARTITION BY subject_id ORDER BY day RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW),
        past AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN INTERVAL 62 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
        )
),
values_of_parts AS (
    SELECT
        subject_id,
        day,
        'text' AS name,
        n_7 AS n,
        0 AS n_numbers,
        CASE
            WHEN n_7 >= 3 AND n_past >= 15
                THEN (mean_7 - mean_past) / sqrt(variance * (1 / n_7 + 1 / n_past) + wander ** 2)
        END AS z
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
    sum(p.weight * v.z) / sqrt(sum(p.weight ** 2) FILTER (v.z IS NOT NULL)) AS z
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

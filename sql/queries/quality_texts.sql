-- name: quality_texts
-- purpose: length and language of the judged runs' new texts, and of earlier texts: the median of the logarithm of the length,
--          and its median absolute deviation; the mean shares of a text's letters in frequent English words, in other words
--          of Latin letters, and in other scripts; the share of texts without letters (`none`)
-- grain: one row per period, `now` and `past`; of each at most max_texts texts, the same ones at every call
-- frame: `now` = documents of these runs, `past` = those of other runs taken in since a time before it
-- params: runs, since, max_texts
WITH texts AS (
    SELECT
        CASE WHEN list_contains(CAST($runs AS VARCHAR[]), run_id) THEN 'now' ELSE 'past' END AS period,
        text
    FROM documents
    WHERE text IS NOT NULL AND (list_contains(CAST($runs AS VARCHAR[]), run_id) OR ingested_at >= CAST($since AS TIMESTAMP))
    QUALIFY row_number() OVER (PARTITION BY period ORDER BY hash(doc_id), doc_id) <= $max_texts
),
letters AS (
    SELECT
        period,
        ln(1 + length(text)) AS size,
        length(regexp_replace(text, '[^\pL]+', '', 'g')) AS n,
        length(regexp_replace(text, '[^\p{Latin}]+', '', 'g')) AS latin,
        length(
            array_to_string(
                regexp_extract_all(
                    lower(text),
                    '\b(?:the|and|of|to|is|that|it|for|you|with|my|this|not|have|but|are|be|been|feel|feeling|when|just|i)\b'
                ),
                ''
            )
        ) AS english
    FROM texts
)
SELECT
    period,
    count(*) AS n,
    median(size) AS size,
    mad(size) AS spread,
    avg(CASE WHEN n > 0 THEN english / n ELSE 0 END) AS english,
    avg(CASE WHEN n > 0 THEN (latin - english) / n ELSE 0 END) AS latin,
    avg(CASE WHEN n > 0 THEN 1 - latin / n ELSE 0 END) AS other,
    avg(CAST(n = 0 AS INTEGER)) AS none
FROM letters
GROUP BY period

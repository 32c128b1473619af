-- name: timelines
-- purpose: timelines for a replay: a person's own texts, of which a share `dose` is replaced by texts of a pool from the day
--          `onset` on. The draw of a text depends only on its doc_id and the seed. All pools therefore replace the same texts, and
--          a higher dose replaces the texts of a lower dose and others. Reads the frames background_texts (doc_id, subject_id,
--          posted_at), pool_texts (pool, author, n_authors, number, n, doc_id; authors and numbers count from 0) and arms (pool,
--          dose; pool '' with dose 0 is the person without any mixing)
-- grain: one row per arm, person and text; timeline names arm and person, doc_id the row, source_doc_id the text it has
-- frame: all replaced texts of an arm and person up to this one; author: with in_order, one author per person and pool, whose texts
--        are taken in order and then again from the first; otherwise each text is drawn from the whole pool
-- params: days, onset, seed, in_order
WITH firsts AS (
    SELECT subject_id, CAST(min(posted_at) AS DATE) AS first_day
    FROM background_texts
    GROUP BY subject_id
),
own AS (
    SELECT
        subject_id AS person,
        doc_id AS own_doc_id,
        posted_at,
        CAST(posted_at AS DATE) - first_day AS day
    FROM background_texts
    JOIN firsts USING (subject_id)
    WHERE CAST(posted_at AS DATE) - first_day < $days
),
mixed AS (
    SELECT
        *,
        day >= $onset
        AND CAST('0x' || left(md5(concat_ws(chr(31), $seed, own_doc_id)), 13) AS BIGINT) < dose * 16::BIGINT ** 13 AS replaced
    FROM own
    CROSS JOIN arms
),
counted AS (
    SELECT
        *,
        count(*) FILTER (replaced) OVER (
            PARTITION BY pool, dose, person
            ORDER BY posted_at, own_doc_id
            ROWS UNBOUNDED PRECEDING
        ) AS nth,
        CAST('0x' || left(md5(concat_ws(chr(31), $seed, pool, if($in_order, person, own_doc_id))), 13) AS BIGINT) AS draw
    FROM mixed
),
sizes AS (
    SELECT pool, author, any_value(n_authors) AS n_authors, any_value(n) AS n
    FROM pool_texts
    GROUP BY pool, author
)
SELECT
    concat_ws(chr(31), c.person, c.pool, c.dose) AS timeline,
    c.person,
    c.pool,
    c.dose,
    c.posted_at,
    c.day,
    c.replaced,
    concat_ws(chr(31), c.own_doc_id, c.pool, c.dose) AS doc_id,
    if(c.replaced, p.doc_id, c.own_doc_id) AS source_doc_id
FROM counted AS c
LEFT JOIN sizes AS s ON c.replaced AND s.pool = c.pool AND s.author = c.draw % s.n_authors
LEFT JOIN pool_texts AS p
    ON p.pool = s.pool AND p.author = s.author AND p.number = if($in_order, c.nth - 1, c.draw) % s.n

-- name: crisis_texts_dated_ahead
-- purpose: the macro crisis_texts: the texts that raise a crisis alert. They hold wording of the crisis list that was raised, or
--          the macro reads_as_crisis selects them. counted_at = the time of the text, or the time when it was first scored if the
--          text is dated later (a phone with a wrong clock); counted_on is its day. known_at = when a score of any model, or
--          the crisis list, first made the text a crisis text: a new model makes no text new. The macro texts_ahead has the texts
--          that are dated later than the day of their first score. Such texts that an older version scored get another scored_at:
--          that version counted them from the first run of their own day on, or has not counted them yet
-- grain: one row per such text of this model
-- frame: counted up to and including the day `until`
-- params: none
CREATE OR REPLACE MACRO crisis_texts(model, until, suicidal_limit) AS TABLE
WITH wording AS (
    SELECT m.doc_id, min(coalesce(r.started_at, CAST('-infinity' AS TIMESTAMP))) AS found_at
    FROM mentions AS m
    LEFT JOIN runs AS r USING (run_id)
    WHERE m.state = 'raised'
    GROUP BY m.doc_id
),
chosen AS (
    SELECT s.doc_id, s.subject_id, s.posted_at, w.found_at
    FROM scores AS s
    LEFT JOIN wording AS w USING (doc_id)
    WHERE
        s.model_id = model
        AND (w.doc_id IS NOT NULL OR reads_as_crisis(s.s_suicidal, s.p_high, s.peak_high, suicidal_limit))
),
known AS (
    SELECT
        doc_id,
        min(scored_at) AS scored_at,
        min(scored_at) FILTER (reads_as_crisis(s_suicidal, p_high, peak_high, suicidal_limit)) AS read_at
    FROM scores
    SEMI JOIN chosen USING (doc_id)
    GROUP BY doc_id
)
SELECT
    c.doc_id,
    c.subject_id,
    c.posted_at,
    if(k.scored_at < CAST(c.posted_at AS DATE), k.scored_at, c.posted_at) AS counted_at,
    CAST(counted_at AS DATE) AS counted_on,
    least(k.read_at, CASE WHEN c.found_at IS NOT NULL THEN greatest(c.found_at, k.scored_at) END) AS known_at
FROM chosen AS c
JOIN known AS k USING (doc_id)
WHERE counted_on <= CAST(until AS DATE);
CREATE MACRO texts_ahead() AS TABLE
SELECT doc_id, min(scored_at) AS came_at
FROM scores
WHERE scored_at < CAST(posted_at AS DATE)
GROUP BY doc_id;
UPDATE scores
SET scored_at = a.counted_at
FROM (
    SELECT s.doc_id, s.model_id, coalesce(min(r.started_at), any_value(last."at") + INTERVAL 1 MICROSECOND) AS counted_at
    FROM scores AS s
    CROSS JOIN (
        SELECT
            greatest(
                (SELECT max(scored_at) FROM scores),
                (SELECT max(greatest(told_at, state_changed_at)) FROM alerts),
                (SELECT max("at") FROM case_log)
            ) AS "at"
    ) AS last
    LEFT JOIN runs AS r ON r.started_at >= CAST(s.posted_at AS DATE)
    WHERE s.scored_at < CAST(s.posted_at AS DATE)
    GROUP BY s.doc_id, s.model_id
) AS a
WHERE a.doc_id = scores.doc_id AND a.model_id = scores.model_id

-- name: alert_evidence
-- purpose: the texts behind an alert. For the crisis rule they are the texts that raised it (crisis wording, or the highest
--          P(suicidal)); for the other rules, the texts with the highest p_high, or the highest peak_high in a part of a long text.
--          Only reports for authorised staff show them
-- grain: one row per alert that was open on as_of and text, at most `top` texts per alert, the strongest first
-- frame: the alert's evidence window, both days included; a text is cut to 280 characters. If a text has several pieces, these are
--        the beginning of the piece most decisive for the alert. Blank characters at the beginning are left out
-- params: model_id, as_of, top
WITH places AS (
    SELECT doc_id, min("first") AS mentioned_at
    FROM mentions
    WHERE state = 'raised'
    GROUP BY doc_id
),
texts AS (
    SELECT
        a.alert_id,
        s.doc_id,
        s.posted_at,
        s.p_high,
        s.s_suicidal,
        s.truncated,
        d.text,
        a.rule = 'crisis' AS is_crisis,
        if(a.rule = 'crisis', m.mentioned_at, NULL) AS mentioned_at,
        CASE
            WHEN a.rule <> 'crisis' THEN greatest(s.p_high, coalesce(s.peak_high, 0))
            WHEN m.mentioned_at IS NOT NULL THEN 3
            WHEN reads_as_crisis(s.s_suicidal, s.p_high, s.peak_high, 0) THEN 1 + s.s_suicidal
            ELSE coalesce(s.s_suicidal, 0)
        END AS strength
    FROM alerts AS a
    JOIN scores AS s
        ON s.model_id = a.model_id
        AND s.subject_id = a.subject_id
    JOIN documents AS d ON d.doc_id = s.doc_id
    LEFT JOIN texts_ahead() AS t ON t.doc_id = s.doc_id AND a.rule = 'crisis'
    LEFT JOIN places AS m ON m.doc_id = s.doc_id
    WHERE a.model_id = $model_id
      AND coalesce(t.came_at, s.posted_at) >= a.evidence_from
      AND coalesce(t.came_at, s.posted_at) < a.evidence_to + 1
      AND a.opened_on <= CAST($as_of AS DATE)
      AND coalesce(a.closed_on > CAST($as_of AS DATE), true)
      AND a.closed_because IS DISTINCT FROM 'withdrawn'
    QUALIFY
        row_number() OVER (PARTITION BY a.alert_id ORDER BY strength DESC, s.p_high DESC, s.posted_at, s.doc_id) <= $top
),
starts AS (
    SELECT doc_id, arg_max("first", s_suicidal) AS most_suicidal, arg_max("first", peak_high) AS darkest
    FROM pieces
    SEMI JOIN texts USING (doc_id)
    WHERE model_id = $model_id
    GROUP BY doc_id
),
placed AS (
    SELECT
        t.*,
        CASE
            WHEN t.mentioned_at IS NOT NULL THEN greatest(t.mentioned_at - 100, 0)
            WHEN t.is_crisis THEN coalesce(s.most_suicidal, 0)
            ELSE coalesce(s.darkest, 0)
        END AS place
    FROM texts AS t
    LEFT JOIN starts AS s USING (doc_id)
)
SELECT
    t.alert_id,
    t.doc_id,
    t.posted_at,
    t.p_high,
    t.s_suicidal,
    t.truncated,
    CAST(place + coalesce(length(regexp_extract(substr(t.text, place + 1), '^[\p{Z}\p{Cc}\p{Cf}\x{2800}\x{3164}]*')), 0) AS INTEGER) AS starts_at,
    substr(t.text, starts_at + 1, 280) AS text
FROM placed AS t
ORDER BY t.alert_id, t.strength DESC, t.p_high DESC, t.posted_at, t.doc_id

-- name: alert_evidence
-- purpose: the texts behind an alert: of the crisis rule those that raised it (crisis wording, or the highest P(suicidal)),
--          of the other rules those with the highest p_high, or the highest peak_high in a part of a long text. Only
--          reports for authorised staff show them
-- grain: one row per alert that was open on as_of and text, at most `top` texts per alert, the strongest first
-- frame: the alert's evidence window, both days included; a text is cut to 280 characters. Those of a text of several
--        pieces are the beginning of the piece that speaks most for the alert
-- params: model_id, as_of, top
WITH texts AS (
    SELECT
        a.alert_id,
        s.doc_id,
        s.posted_at,
        s.p_high,
        s.s_suicidal,
        s.peak_high,
        s.truncated,
        d.text,
        a.rule = 'crisis' AS is_crisis,
        (
            SELECT min(m."first")
            FROM mentions AS m
            WHERE m.doc_id = s.doc_id AND m.state = 'raised' AND a.rule = 'crisis'
        ) AS mentioned_at,
        CASE
            WHEN mentioned_at IS NOT NULL THEN 2
            WHEN a.rule = 'crisis' THEN coalesce(s.s_suicidal, 0)
            ELSE greatest(s.p_high, coalesce(s.peak_high, 0))
        END AS strength
    FROM alerts AS a
    JOIN scores AS s
        ON s.model_id = a.model_id
        AND s.subject_id = a.subject_id
        AND CAST(s.posted_at AS DATE) BETWEEN a.evidence_from AND a.evidence_to
    JOIN documents AS d ON d.doc_id = s.doc_id
    WHERE a.model_id = $model_id
      AND a.opened_on <= CAST($as_of AS DATE)
      AND coalesce(a.closed_on > CAST($as_of AS DATE), true)
      AND a.closed_because IS DISTINCT FROM 'withdrawn'
    QUALIFY
        row_number() OVER (PARTITION BY a.alert_id ORDER BY strength DESC, s.p_high DESC, s.posted_at, s.doc_id) <= $top
)
SELECT
    t.alert_id,
    t.doc_id,
    t.posted_at,
    t.p_high,
    t.s_suicidal,
    t.truncated,
    CAST(coalesce(
        greatest(t.mentioned_at - 100, 0),
        (
            SELECT arg_max(p."first", if(t.is_crisis, p.s_suicidal, p.peak_high))
            FROM pieces AS p
            WHERE p.doc_id = t.doc_id AND p.model_id = $model_id
        ),
        0
    ) AS INTEGER) AS starts_at,
    substr(t.text, starts_at + 1, 280) AS text
FROM texts AS t
ORDER BY t.alert_id, t.strength DESC, t.p_high DESC, t.posted_at, t.doc_id

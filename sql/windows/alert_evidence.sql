-- name: alert_evidence
-- purpose: the texts with the highest p_high in an alert's evidence; only reports for authorised staff show them
-- grain: one row per alert that was open on as_of and text, at most `top` texts per alert, the highest p_high first
-- frame: the alert's evidence window, both days included; a text is cut to 280 characters
-- params: model_id, as_of, top
SELECT a.alert_id, s.posted_at, s.p_high, left(d.text, 280) AS text
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
QUALIFY row_number() OVER (PARTITION BY a.alert_id ORDER BY s.p_high DESC, s.posted_at, s.doc_id) <= $top
ORDER BY a.alert_id, s.p_high DESC, s.posted_at, s.doc_id

-- name: passages
-- purpose: the texts of each of these people that a counsellor reads first: the newest ones, and those with the highest P(high).
--          Only reports for authorised staff show them. new_place and strong_place count from 1
-- grain: one row per text that is among the `top` newest or the `top` strongest of its subject, that the model alone reads as a
--        crisis (is_crisis), or that shows the sign of thoughts of death, which has its own limit (shows_death). counted_at of a text
--        with is_crisis: as in the macro crisis_texts
-- frame: `days` calendar days ending on and including as_of; `crisis_days` for texts that the model alone reads as a crisis. A text
--        is cut to 600 characters, and … marks a cut at its end. If a text has several pieces, its 600 characters begin with the
--        darkest piece, or with the piece of highest P(suicidal), at its first character that is not blank. piece_at: the
--        beginning of the piece; starts_at: that of the quote; in characters from 0
-- params: model_id, as_of, days, crisis_days, top, suicidal_limit, subjects
SELECT
    s.subject_id,
    s.doc_id,
    s.posted_at,
    s.p_high,
    s.emotion,
    s.criteria,
    s.truncated,
    reads_as_crisis(s.s_suicidal, s.p_high, s.peak_high, $suicidal_limit) AS is_crisis,
    if(is_crisis, coalesce(a.came_at, s.posted_at), s.posted_at) AS counted_at,
    coalesce(list_contains(string_split(s.criteria, ','), 'suicidal'), false) AS shows_death,
    CAST(coalesce(if(is_crisis OR shows_death, p.most_suicidal, p.darkest), 0) AS INTEGER) AS piece_at,
    CAST(piece_at + length(regexp_extract(substr(d.text, piece_at + 1), '^[\p{Z}\p{Cc}\p{Cf}\x{2800}\x{3164}]*')) AS INTEGER) AS starts_at,
    concat(substr(d.text, starts_at + 1, 600), if(length(d.text) > starts_at + 600, '…', '')) AS text,
    row_number() OVER (PARTITION BY s.subject_id ORDER BY counted_at DESC, s.doc_id) AS new_place,
    row_number() OVER (
        PARTITION BY s.subject_id
        ORDER BY counted_at < CAST($as_of AS DATE) - CAST($days AS INTEGER) + 1, s.p_high DESC, counted_at DESC, s.doc_id
    ) AS strong_place
FROM scores AS s
JOIN documents AS d USING (doc_id)
LEFT JOIN texts_ahead() AS a USING (doc_id)
LEFT JOIN (
    SELECT doc_id, arg_max("first", s_suicidal) AS most_suicidal, arg_max("first", peak_high) AS darkest
    FROM pieces
    WHERE model_id = $model_id
    GROUP BY doc_id
) AS p USING (doc_id)
WHERE
    s.model_id = $model_id
    AND counted_at < CAST($as_of AS DATE) + 1
    AND counted_at >= CAST($as_of AS DATE) - CAST(if(is_crisis, $crisis_days, $days) AS INTEGER) + 1
    AND list_contains(CAST($subjects AS VARCHAR[]), s.subject_id)
    AND d.text IS NOT NULL
QUALIFY new_place <= $top OR strong_place <= $top OR is_crisis OR shows_death
ORDER BY s.subject_id, new_place

-- name: labelled_signals
-- purpose: the signal of each labelled document; labels is a frame with number and doc_id, as a feed gave it or as the
--          database stores it. An id that several subjects' documents have names none of them
-- grain: one row per number of labels whose one document this model has scored
-- frame: none
-- params: model_id, signal
WITH named AS (
    SELECT l.number, d.doc_id
    FROM labels AS l
    JOIN documents AS d ON d.doc_id = l.doc_id
    UNION
    SELECT l.number, d.doc_id
    FROM labels AS l
    JOIN documents AS d ON d.given_id = l.doc_id
)
SELECT n.number, any_value(signal_of($signal, s.p_high, s.p_any)) AS signal
FROM named AS n
JOIN scores AS s ON s.doc_id = n.doc_id AND s.model_id = $model_id
GROUP BY n.number
HAVING count(*) = 1
ORDER BY n.number

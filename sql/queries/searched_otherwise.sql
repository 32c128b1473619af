-- name: searched_otherwise
-- purpose: the next stored texts that were searched last with another list of crisis wording, oldest rows first, within a limit
--          of rows and of bytes
-- grain: one row per such text
-- frame: all rows up to this one, in the order of the table: the sum of bytes that ends the batch at max_bytes
-- params: list_id, max_rows, max_bytes
SELECT
    doc_id,
    text
FROM (
    SELECT
        doc_id,
        text,
        position,
        sum(strlen(text)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) - strlen(text) AS bytes_before
    FROM (
        SELECT
            d.doc_id,
            d.text,
            d.rowid AS position
        FROM documents AS d
        WHERE
            d.text IS NOT NULL
            AND EXISTS (FROM crisis_searches AS c WHERE c.doc_id = d.doc_id AND c.list_id <> $list_id)
        ORDER BY position
        LIMIT $max_rows
    )
)
WHERE bytes_before < $max_bytes
ORDER BY position

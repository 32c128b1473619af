-- name: unscored
-- purpose: the next documents that this model has not scored, oldest rows first, within a limit of rows and of bytes
-- grain: one row per document without a score of this model
-- frame: all rows up to this one, in the order of the table: the sum of bytes that ends the batch at max_bytes
-- params: model_id, max_rows, max_bytes
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
            AND NOT EXISTS (FROM scores AS s WHERE s.doc_id = d.doc_id AND s.model_id = $model_id)
        ORDER BY position
        LIMIT $max_rows
    )
)
WHERE bytes_before < $max_bytes
ORDER BY position

-- name: scores_of_pieces
-- purpose: the pieces of a long text in its document's row: the greatest P(high risk) of a piece, the number of pieces, and the
--          number of tokens that were read (fewer than n_tokens if `truncated`). All are NULL for scores of earlier versions, which
--          read a text up to the model's limit
-- grain: three values per row of scores
-- frame: none
-- params: none
ALTER TABLE scores ADD COLUMN peak_high DOUBLE;
ALTER TABLE scores ADD COLUMN n_pieces INTEGER;
ALTER TABLE scores ADD COLUMN n_tokens_read INTEGER

-- name: peaks_of_pieces
-- purpose: the greatest P(high risk) of a piece and, if the piece is long, of each of its sentences alone. The greatest value of a
--          document's pieces is peak_high of its row in `scores`
-- grain: one value per row of pieces
-- frame: none
-- params: none
ALTER TABLE pieces ADD COLUMN peak_high DOUBLE
